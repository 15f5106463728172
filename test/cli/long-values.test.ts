import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { kvProcess } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const BYTES = 200_000_000

/** Memory a run may take, in bytes: a session with short values takes half of that. */
const ALLOWED = 150_000_000

/** Memory of a run of kv at its highest, in bytes. */
async function memoryOf(args: readonly string[], store: string, input?: string): Promise<number> {
  const folder = tempDir()
  const [script, result] = [join(folder, 'memory.cjs'), join(folder, 'memory')]
  writeFileSync(
    script,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(result)}, /VmHWM:\\s*(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]))`,
  )
  const { stderr, code } = await kvProcess(args, {
    store,
    env: { NODE_OPTIONS: `--require ${script}` },
    ...(input === undefined ? {} : { input }),
  })
  expect([stderr, code]).toEqual(['', 0])
  return Number(readFileSync(result, 'utf8')) * 1024
}

test.skipIf(!existsSync('/proc/self/status'))(
  'what is done about a key reads no value, however long the old one is',
  async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openStore(path, { durable: false })
    await store.batch(['a', 'b'].map((key) => ({ type: 'put', key, value: new Uint8Array(BYTES).fill(120) })))
    await store.close()
    const memory = {
      ttl: await memoryOf(['ttl', 'a'], path),
      'del --dry-run': await memoryOf(['del', 'a', '--dry-run'], path),
      put: await memoryOf(['put', 'a', 'x'], path),
      'del in a session': await memoryOf(['repl'], path, 'del b\n'),
    }
    for (const [name, bytes] of Object.entries(memory))
      expect([name, bytes < ALLOWED], `${bytes} bytes`).toEqual([name, true])
  },
)
