import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const HOLDER = `
  const { DatabaseSync } = (() => { try { return require('node:sqlite') } catch { return require('@photostructure/sqlite') } })()
  const db = new DatabaseSync(process.argv[1])
  db.exec('begin immediate')
  process.stdout.write('held')
  process.stdin.on('data', () => { db.exec('rollback'); db.close(); process.exit() })
`

/** Another process takes the write lock of a store file. The function returned lets it go. */
export async function holdLock(store: string): Promise<() => Promise<void>> {
  const child: ChildProcess = spawn(process.execPath, ['-e', HOLDER, store], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the process that should hold the lock ended')
    }),
  ])
  return async () => {
    const gone = once(child, 'exit')
    child.stdin!.write('go')
    await gone
  }
}
