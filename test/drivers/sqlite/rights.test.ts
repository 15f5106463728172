import { chmodSync, copyFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileState } from '../../../src/drivers/sqlite/identity/file-state.ts'
import { noise, toText } from '../../helpers/bytes.ts'
import { expectRun, kvProcess } from '../../helpers/kv.ts'
import { readOnlyView } from '../../helpers/small-disk.ts'
import { entries, failure, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { asUsers, openFolder } from '../../helpers/user.ts'

const OWNER = 61_001
const READER = 61_002

/** Names, owners and sizes. */
function listing(folder: string): string[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => {
      const { uid, size } = statSync(join(folder, name))
      return `${name} of ${uid}, ${size} bytes`
    })
}

test.for<[string, number, 'closed' | 'killed' | 'no index']>([
  ['a folder that all may write', 0o777, 'closed'],
  ['a folder like /tmp', 0o1777, 'closed'],
  ['a folder of another user', 0o755, 'closed'],
  ['a folder that all may write, with a log that was left', 0o777, 'killed'],
  ['a folder of another user, with a log that was left', 0o755, 'killed'],
  ['a folder that all may write, with a log that lost its index', 0o777, 'no index'],
  ['a folder of another user, with a log that lost its index', 0o755, 'no index'],
])('a store in %s is read without leaving anything there', async ([, mode, state], context) => {
  const run = asUsers(context)
  const folder = openFolder(0o777)
  const store = join(folder, 's.kv')
  expectRun(await run(OWNER, ['put', 'a', '1', '--store', store]), {})
  if (state !== 'closed') {
    // What a process that was killed has left: its file and log, and the index of the log.
    const other = await openTestStore(store)
    await other.put('a', '2')
    for (const suffix of ['', '-wal', '-shm']) copyFileSync(store + suffix, join(folder, `left${suffix}`))
    await other.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(store + suffix, { force: true })
    for (const suffix of ['', '-wal', ...(state === 'killed' ? ['-shm'] : [])])
      copyFileSync(join(folder, `left${suffix}`), store + suffix)
  }
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644)
  chmodSync(folder, mode)
  const value = state === 'closed' ? '1' : '2'
  const before = listing(folder)
  expectRun(await run(READER, ['range', '--store', store]), { stdout: `{"key":"a","value":"${value}"}\n` })
  expect(await run(READER, ['check', '--store', store])).toMatchObject({ code: 0 })
  expect(await run(READER, ['put', 'a', '3', '--store', store])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('(KV_READ_ONLY)'),
  })
  expect(listing(folder)).toEqual(before)
})

test('a reader without rights does not keep the owner from writing', async (context) => {
  const run = asUsers(context)
  const store = join(openFolder(0o1777), 's.kv')
  expectRun(await run(OWNER, ['put', 'a', '1', '--store', store]), {})
  chmodSync(store, 0o644)
  expectRun(await run(READER, ['get', 'a', '--store', store]), { stdout: '1' })
  expectRun(await run(OWNER, ['put', 'a', '2', '--store', store]), {})
  expectRun(await run(READER, ['get', 'a', '--store', store]), { stdout: '2' })
})

test('a medium that is read-only for us and written by others is never read stale', async (context) => {
  const folder = tempDir()
  const path = join(folder, 's.kv')
  const put = async (key: string, value: string): Promise<void> =>
    expectRun(await kvProcess(['put', key, value, '--store', path]), {})
  await put('who', 'old')
  const store = await openTestStore(join(readOnlyView(context, folder), 's.kv'))
  expect(toText((await store.get('who'))!)).toBe('old')
  expect(await entries(store)).toHaveLength(1)
  for (const [key, value, count] of [
    ['who', 'new', 1],
    ['k2', '1', 2],
    ['who', 'newer', 2],
  ] as const) {
    await put(key, value)
    expect([
      toText((await store.get(key))!),
      toText(store.getSync(key)!),
      await store.count(),
      (await entries(store)).length,
    ]).toEqual([value, value, count, count])
  }
  // And while another process has it open, with all that it has written in its log.
  const writer = await openTestStore(path)
  for (const value of ['a', 'b', 'c']) {
    await writer.put('who', value)
    expect(toText((await store.get('who'))!)).toBe(value)
  }
})

test('a long range on such a medium ends with an error when the file is changed under it, and not with a false one', async (context) => {
  const folder = tempDir()
  const path = join(folder, 's.kv')
  const records = (n: number) =>
    Array.from({ length: 5000 }, (_, i) => `{"key":"k${i}","value":"${n} ${'x'.repeat(200)}"}\n`).join('')
  expect(await kvProcess(['batch-put', '--store', path], { input: records(1) })).toMatchObject({ code: 0 })
  const store = await openTestStore(join(readOnlyView(context, folder), 's.kv'))
  const pages = store.rangePages()[Symbol.asyncIterator]()
  expect((await pages.next()).done).toBe(false)
  expect(await kvProcess(['batch-put', '--store', path], { input: records(2) })).toMatchObject({ code: 0 })
  const error = await failure(async () => {
    for (;;) if ((await pages.next()).done === true) return
  })
  expect(error).toMatchObject({
    code: 'KV_UNAVAILABLE',
    message: expect.stringContaining('was changed by another process while it was read'),
    hint: 'run it again',
  })
  expect(await entries(store)).toHaveLength(5000)
})

test('a change right behind another one is seen', () => {
  const path = join(tempDir(), 'file')
  for (let n = 0; n < 20; n++) {
    writeFileSync(path, noise(100, n))
    const state = new FileState(path)
    expect([state.isIntact, state.isNewest]).toEqual([true, true])
    writeFileSync(path, noise(100, n + 1))
    expect([state.isIntact, state.isNewest]).toEqual([false, false])
  }
})
