import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { openStore } from '../../../src/index.ts'
import { givenStore } from '../../helpers/kv.ts'
import { holdLock } from '../../helpers/lock.ts'
import { failure, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

test.runIf(process.platform === 'linux')('a write that gives up names the process that holds the lock', async () => {
  const path = join(tempDir(), 'store.kv')
  await using store = await openStore(path, { timeoutMs: 20 })
  await store.put('a', '1')
  const holder = new (sqliteEngine().DatabaseSync)(path)
  holder.exec('begin immediate')
  try {
    const error = await store.put('a', '2').catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'KV_LOCKED',
      message: expect.stringMatching(`locked by process ${process.pid} \\(node[^ ]*( [\\w.+-]+)?\\)$`),
    })
  } finally {
    holder.exec('rollback')
    holder.close()
  }
  expect((await store.put('a', '3')).applied).toBe(true)
})

test.runIf(process.platform === 'linux')('only the program is named, not what it was told', async () => {
  const path = await givenStore([['a', '1']])
  const release = await holdLock(path)
  const error = await failure(async () => (await openTestStore(path, { timeoutMs: 0 })).put('a', '2'))
  expect(error.message).toMatch(/ is locked by process \d+ \(node\)$/)
  expect(error.elsewhere).toEqual({ message: 'the store is locked by another process', hint: 'come again later' })
  await release()
})
