import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { measuresMemory, memoryOf } from '../helpers/memory.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const BYTES = 200_000_000

/** Memory a run may take, in bytes: a session with short values takes half of that. */
const ALLOWED = 150_000_000

test.skipIf(!measuresMemory)('what is done about a key reads no value, however long the old one is', async () => {
  const path = join(tempDir(), 'store.kv')
  const store = await openStore(path, { durable: false })
  await store.batch(['a', 'b'].map((key) => ({ type: 'put', key, value: new Uint8Array(BYTES).fill(120) })))
  await store.close()
  const memory = async (args: readonly string[], input?: string): Promise<number> => {
    const { bytes, stderr, code } = await memoryOf(args, { store: path, ...(input === undefined ? {} : { input }) })
    expect([stderr, code]).toEqual(['', 0])
    return bytes
  }
  const taken = {
    ttl: await memory(['ttl', 'a']),
    'del --dry-run': await memory(['del', 'a', '--dry-run']),
    put: await memory(['put', 'a', 'x']),
    'del in a session': await memory(['repl'], 'del b\n'),
  }
  for (const [name, bytes] of Object.entries(taken))
    expect([name, bytes < ALLOWED], `${bytes} bytes`).toEqual([name, true])
})

test.skipIf(!measuresMemory)(
  'get and check have a long value in memory twice: the copy of the engine and their own',
  async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openStore(path, { durable: false })
    await store.put('a', new Uint8Array(BYTES).fill(120))
    await store.close()
    for (const args of [['get', 'a'], ['check']]) {
      const { bytes, stderr } = await memoryOf(args, { store: path })
      expect([args[0], stderr.replace(/^ok: .*\n/, ''), bytes < 2 * BYTES + ALLOWED], `${bytes} bytes`).toEqual([
        args[0],
        '',
        true,
      ])
    }
  },
)
