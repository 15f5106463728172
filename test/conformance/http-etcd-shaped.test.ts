import { expect, onTestFinished, test } from 'vitest'
import { HttpDriver } from '../../src/drivers/http/driver.ts'
import { Store } from '../../src/index.ts'
import { buildApp } from '../../src/server/app.ts'
import { failure } from '../helpers/store.ts'
import { ETCD_LIMITS, etcdShaped } from './etcd-shaped.ts'
import { block } from './suite.ts'

test('a server over an engine with small batches tells its clients, and loads in parts what need not be atomic', async () => {
  const place = etcdShaped()
  const behind = new Store('behind', await place.open())
  const app = await buildApp(behind)
  const store = new Store('http', await HttpDriver.open(await app.listen({ host: '127.0.0.1', port: 0 }), {}))
  onTestFinished(async () => {
    await store.close()
    await app.close()
    await behind.close()
    await place.remove?.()
  })
  const { maxEntryBytes, maxBatchOps, opOverheadBytes, expiryStepMs } = ETCD_LIMITS
  expect(store.limits).toMatchObject({ maxEntryBytes, maxBatchOps, opOverheadBytes, expiryStepMs })
  const blocks = [block(Array.from({ length: 1000 }, (_, i) => [`k${1000 + i}`, 'v'] as const))]
  expect(await failure(() => store.load(blocks))).toMatchObject({
    code: 'KV_TOO_LARGE',
    message: expect.stringContaining('128 entries'),
  })
  expect(await store.count()).toBe(0)
  await store.load(blocks, { atomic: false })
  expect(await store.count()).toBe(1000)
})
