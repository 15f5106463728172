import { cFunction, isBun } from './c-library.ts'

/**
 * Ends the process, once all else is done, without closing what is open: Node closes connections of SQLite at exit, and
 * Bun does so even in `reallyExit`.
 */
export function exitWithoutClosing(): void {
  process.once('exit', (code) => {
    if (isBun) cFunction('_exit', ['i32'], 'void')(code)
    else (process as unknown as { reallyExit(code: number): never }).reallyExit(code)
  })
}
