import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LIBRARY } from '../crash/library.mjs'
import { needLibrary } from '../crash/child.ts'
import { hasEtcd, sharedCluster } from '../helpers/etcd.ts'
import { ended } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** Watches, writes, says what it saw and reaches its end; what it does not close is left open. */
const PROGRAM = `
const { openStore } = await import(process.argv[1])
const store = await openStore(process.argv[2])
const watch = await store.watch()
const seen = watch[Symbol.asyncIterator]().next()
await store.put('k', 'v')
console.log(Buffer.from((await seen).value.key).toString())
watch.unref()[Symbol.asyncIterator]().next()
`

const PLACES = {
  memory: async (): Promise<string> => 'memory:',
  sqlite: async (): Promise<string> => join(tempDir(), 'store.kv'),
  'sqlite that is not there yet': async (): Promise<string> => join(tempDir(), 'none.kv'),
  http: async (): Promise<string> => (await served()).url,
}

/** That the program ends by itself. */
const expectEnd = async (place: string): Promise<void> => {
  const args = ['--input-type=module', '-e', PROGRAM, pathToFileURL(LIBRARY).href, place]
  const { stdout, stderr, code } = await ended(spawn(process.execPath, args, { stdio: 'pipe' }))
  expect({ stdout: stdout.toString(), stderr, code }).toEqual({ stdout: 'k\n', stderr: '', code: 0 })
}

describe('a watch that is unref()ed', () => {
  test.for(Object.entries(PLACES))('lets the process end: %s', async ([, place], context) => {
    needLibrary(context)
    await expectEnd(await place())
  })

  describe.skipIf(!hasEtcd())('in a cluster', () => {
    const cluster = sharedCluster()

    test('lets the process end: etcd', async (context) => {
      needLibrary(context)
      await expectEnd(cluster().place())
    })
  })
})
