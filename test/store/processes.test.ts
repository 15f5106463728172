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

test('processes that take from one queue get each entry once', async (context) => {
  const path = join(tempDir(), 'store.kv')
  const store = await openTestStore(path)
  const names = Array.from({ length: 60 }, (_, n) => `job:${String(n).padStart(2, '0')}`)
  await store.put('before', 'x')
  const taken = outputs(
    context,
    2,
    path,
    `const keys = []
     for (;;) {
       const { key } = await store.take({ prefix: 'job:' })
       if (Buffer.from(key).toString() === 'job:end') break
       keys.push(Buffer.from(key).toString())
     }
     print(keys)`,
  )
  for (const name of names) await store.put(name, 'do it')
  // One for each, behind all others.
  await using watch = await store.watch({ key: 'job:end' })
  await store.put('job:end', 'x')
  for await (const { type } of watch) if (type === 'del') break
  await store.put('job:end', 'x')
  expect(((await taken) as string[][]).flat().sort()).toEqual(names)
  expect(await store.count()).toBe(1)
})

test('processes that compute one value all get what the first has stored', async (context) => {
  const path = join(tempDir(), 'store.kv')
  const values = await outputs(
    context,
    3,
    path,
    `const compute = async () => String(process.pid)
     print(Buffer.from(await store.getOrSet('a', compute)).toString())`,
  )
  expect(new Set(values)).toEqual(new Set([await (await openTestStore(path)).getText('a')]))
})
