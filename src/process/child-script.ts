import { devNull } from 'node:os'
import { isBun } from './c-library.ts'

/**
 * Runs a script in a process of its own, which can be killed, and settles to what it prints; `undefined` when it failed
 * or was aborted. Its `process.argv` has the arguments from index 1. It runs in the program that runs this code: Node, or
 * an executable into which Bun was compiled, which is then told to be Bun, and not to read what Bun would read in the
 * current folder.
 */
export function runScript(script: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  // Takes 3 ms to load.
  const { execFile } = process.getBuiltinModule('node:child_process')
  const options = isBun ? [`--config=${devNull}`, '--no-env-file'] : []
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      [...options, '-e', script, ...args],
      {
        env: isBun ? { ...process.env, BUN_BE_BUN: '1' } : process.env,
        signal,
        killSignal: 'SIGKILL',
        maxBuffer: Infinity,
      },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    ),
  )
}
