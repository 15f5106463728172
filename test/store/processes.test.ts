import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type TestContext, expect, test } from 'vitest'
import { needLibrary } from '../crash/child.ts'
import { LIBRARY } from '../crash/library.mjs'
import { ended } from '../helpers/kv.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** What processes print that run the same program at once on one store: each a JSON text. */
async function outputs(context: TestContext, count: number, path: string, program: string): Promise<unknown[]> {
  needLibrary(context)
  const whole = `
    const { openStore } = await import(process.argv[1])
    const store = await openStore(process.argv[2])
    const print = (what) => console.log(JSON.stringify(what))
    ${program}
    await store.close()`
  const args = ['--input-type=module', '-e', whole, pathToFileURL(LIBRARY).href, path]
  const all = await Promise.all(
    Array.from({ length: count }, () => ended(spawn(process.execPath, args, { stdio: 'pipe' }))),
  )
  return all.map(({ stdout, stderr, code }) => {
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    return JSON.parse(stdout.toString())
  })
}

test('processes that update one key lose nothing, and hardly ever compute in vain', async (context) => {
  const path = join(tempDir(), 'store.kv')
  const calls = await outputs(
    context,
    3,
    path,
    `let calls = 0
     for (let n = 0; n < 60; n++)
       await store.update('n', (value) => (calls++, String(Number(value === undefined ? 0 : Buffer.from(value)) + 1)))
     print(calls)`,
  )
  expect(await (await openTestStore(path)).getText('n')).toBe('180')
  // After three that were in vain the lock is taken before the value is read.
  for (const count of calls) expect(count).toBeLessThanOrEqual(60 * 4)
})
