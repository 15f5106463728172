import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LIBRARY } from '../crash/library.mjs'
import { needLibrary } from '../crash/child.ts'
import { ended, startKv } from '../helpers/kv.ts'
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

async function served(): Promise<string> {
  const server = startKv(['serve', '--port', '0'], { store: join(tempDir(), 'served.kv') })
  return new Promise((resolve) => {
    let text = ''
    server.stderr!.on('data', (data: Buffer) => {
      text += data.toString()
      const found = /http:\/\/[\d.]+:\d+/.exec(text)
      if (found !== null) resolve(found[0])
    })
  })
}

const PLACES = {
  memory: async (): Promise<string> => 'memory:',
  sqlite: async (): Promise<string> => join(tempDir(), 'store.kv'),
  'sqlite that is not there yet': async (): Promise<string> => join(tempDir(), 'none.kv'),
  http: served,
}

describe('a watch that is unref()ed', () => {
  test.for(Object.entries(PLACES))('lets the process end: %s', async ([, place], context) => {
    needLibrary(context)
    const args = ['--input-type=module', '-e', PROGRAM, pathToFileURL(LIBRARY).href, await place()]
    const { stdout, stderr, code } = await ended(spawn(process.execPath, args, { stdio: 'pipe' }))
    expect({ stdout: stdout.toString(), stderr, code }).toEqual({ stdout: 'k\n', stderr: '', code: 0 })
  })
})
