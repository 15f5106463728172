import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine.ts'
import { openStore } from '../../src/index.ts'
import { tempDir } from '../helpers/temp-dir.ts'

test.runIf(process.platform === 'linux')('a write that gives up names the process that holds the lock', async () => {
  const path = join(tempDir(), 'store.kv')
  await using store = await openStore(path, { lockTimeoutMs: 20 })
  await store.put('a', '1')
  const holder = new (sqliteEngine().Connection)(path)
  holder.exec('begin immediate')
  try {
    const error = await store.put('a', '2').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'KV_LOCKED', message: expect.stringContaining(`locked by process ${process.pid} (`) })
  } finally {
    holder.exec('rollback')
    holder.close()
  }
  expect((await store.put('a', '3')).applied).toBe(true)
})
