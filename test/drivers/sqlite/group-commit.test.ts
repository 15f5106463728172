import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { turn } from '../../../src/async.ts'
import { StoreFile } from '../../../src/drivers/sqlite/file/store-file.ts'
import { Writer } from '../../../src/drivers/sqlite/write/writer.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const MANY = 64

/** A writer on a new file, a put through it, and how many commits it has made. */
function writer(): { put(key: string): Promise<number>; commits(): number } {
  const options = { sync: false, makeFolder: false, maxEntries: undefined, anyBound: false, lockTimeoutMs: 5000 }
  const file = new StoreFile(join(tempDir(), 'store.kv'), options)
  let commits = 0
  const queue = new Writer(file, () => void commits++, Date.now)
  onTestFinished(async () => {
    await queue.idle()
    file.close()
  })
  return {
    put: (key) =>
      queue.write((transaction) => {
        const revision = transaction.nextRevision()
        transaction.apply({ type: 'put', key: Buffer.from(key), value: Buffer.from('v') }, revision)
        return revision
      }),
    commits: () => commits,
  }
}

test(`${MANY} writes at once share a commit, also after writes that were alone`, async () => {
  const { put, commits } = writer()
  for (const before of [0, 3]) {
    for (let n = 0; n < before; n++) await put(`alone${n}`)
    const since = commits()
    await Promise.all(Array.from({ length: MANY }, (_, n) => put(`key${n}`)))
    expect(commits() - since).toBe(1)
  }
})

test('writes that come turn after turn behind a commit that was shared share the next one', async () => {
  const { put, commits } = writer()
  await put('alone')
  await Promise.all([put('a'), put('b')])
  const since = commits()
  const writes: Promise<number>[] = []
  for (let n = 0; n < 4; n++) {
    writes.push(put(`turn${n}`))
    await turn()
  }
  await Promise.all(writes)
  expect(commits() - since).toBe(1)
})

test('a writer that goes on at once leaves the event loop its turns', async () => {
  const { put } = writer()
  const timer = { isOver: false }
  setTimeout(() => (timer.isOver = true), 5)
  for (let n = 0; !timer.isOver; n++) await put(`key${n}`)
  expect(timer.isOver).toBe(true)
})
