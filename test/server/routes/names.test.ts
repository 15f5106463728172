import { renameSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { buildApp } from '../../../src/server/app.ts'
import { givenStore } from '../../helpers/kv.ts'
import { holdLock } from '../../helpers/lock.ts'
import { openTestStore } from '../../helpers/store.ts'

test('answers name no path and no process of the machine', async () => {
  const path = await givenStore([['a', '1']])
  const app = await buildApp(await openTestStore(path, { timeoutMs: 0 }))
  onTestFinished(() => app.close())
  const release = await holdLock(path)
  const locked = await app.inject({ method: 'PUT', url: '/v1/keys/a', payload: 'x' })
  expect(locked.json()).toEqual({
    detail: 'the store is locked by another process',
    code: 'KV_LOCKED',
    hint: 'come again later',
  })
  await release()
  expect((await app.inject('/v1/stat')).json()).toMatchObject({ details: { file: basename(path) } })
  writeFileSync(
    `${path}.other`,
    'no store at all, but a text that is long enough to be looked at as one; and so on, and so on, and so on',
  )
  renameSync(`${path}.other`, path)
  for (const url of ['/ready', '/v1/count', '/v1/keys/a', '/read/a', '/v1/range']) {
    const { body, statusCode } = await app.inject(url)
    expect(statusCode).toBeGreaterThanOrEqual(500)
    // Whoever asks whether it is ready need not know more.
    expect(body).toContain(url === '/ready' ? 'the store cannot be used' : 'the store is not a kv store')
    expect(body).not.toContain(dirname(path))
  }
})
