import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { toText } from '../../helpers/bytes.ts'
import { openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const BINARY = fileURLToPath(new URL('../../../bin/kv.cjs', import.meta.url))

/** Runs kv in another process, to its end, while this one stands still. */
function kv(home: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [BINARY, ...args], {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home },
  })
  expect(stderr.toString()).toBe('')
  expect(status).toBe(0)
}

test('a read sees what another process has committed, even within one turn of the event loop and for a key read just before', async () => {
  const home = tempDir()
  const store = await openTestStore(join(home, 'store.kv'))
  await store.put('hot', 'first')
  for (let i = 0; i < 1000; i++) expect(toText(store.getSync('hot')!)).toBe('first')
  // From here to the end nothing is awaited.
  kv(home, '--store', 'store.kv', 'put', 'hot', 'second')
  expect(toText(store.getSync('hot')!)).toBe('second')
  kv(home, '--store', 'store.kv', 'del', 'hot')
  expect(store.getSync('hot')).toBeUndefined()
  kv(home, '--store', 'store.kv', 'put', 'hot', 'third')
  expect(toText(store.getSync('hot')!)).toBe('third')
})
