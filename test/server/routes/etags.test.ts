import { renameSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { openStore } from '../../../src/index.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { server } from '../server.ts'

/** Runs SQL on a store's file, as another tool would. */
function sql(path: string, statement: string): void {
  const connection = new (sqliteEngine().DatabaseSync)(path)
  connection.exec(statement)
  connection.close()
}

async function served(): Promise<{ app: FastifyInstance; path: string }> {
  const path = join(tempDir(), 'store.kv')
  return { app: await server({}, path), path }
}

const put = (app: FastifyInstance, payload: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'PUT', url: '/v1/keys/a', payload, headers })
const tag = async (app: FastifyInstance): Promise<string> => String((await app.inject('/v1/keys/a')).headers.etag)

/** What another tool may do to the entry of `a`, whose value is `one`. */
const WRITES: Record<string, string> = {
  'updates it': `update kv set value = cast('two' as blob) where key = cast('a' as blob)`,
  'updates it twice, back to what it was': `update kv set value = x'00'; update kv set value = cast('one' as blob)`,
  'lets it expire, later': 'update kv set expires = 9000000000000',
  'replaces it': `insert or replace into kv(key, value) values (cast('a' as blob), cast('two' as blob))`,
  'deletes it and puts it anew': `delete from kv; insert into kv(key, value) values (cast('a' as blob), cast('one' as blob))`,
}

describe('an ETag is another one as soon as another tool', () => {
  for (const [what, statement] of Object.entries(WRITES)) {
    test(what, async () => {
      const { app, path } = await served()
      const old = String((await put(app, 'one')).headers.etag)
      expect(await tag(app)).toBe(old)
      sql(path, statement)
      const now = await tag(app)
      expect(now).not.toBe(old)
      expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-none-match': old } })).statusCode).toBe(200)
      expect((await app.inject({ method: 'HEAD', url: '/v1/keys/a' })).headers.etag).toBe(now)
      expect((await put(app, 'lost', { 'if-match': old })).statusCode).toBe(412)
      expect((await put(app, 'three', { 'if-match': now })).statusCode).toBe(200)
    })
  }

  test('has made it, and writes it again', async () => {
    const { app, path } = await served()
    await app.inject({ method: 'PUT', url: '/v1/keys/other', payload: '' })
    const tags = new Set<string>()
    for (const value of ['x', 'y', 'x']) {
      sql(path, `insert or replace into kv(key, value) values (cast('a' as blob), cast('${value}' as blob))`)
      tags.add(await tag(app))
    }
    expect(tags.size).toBe(3)
  })
})

test('an ETag of a store does not stand for another value in the store put back in its place', async () => {
  const { app, path } = await served()
  const next = join(tempDir(), 'next.kv')
  await put(app, 'old')
  const old = await tag(app)
  await using store = await openStore(next)
  await store.put('a', 'new')
  await store.close()
  renameSync(next, path)
  await expect.poll(async () => (await app.inject('/v1/keys/a')).body).toBe('new')
  expect((await app.inject({ url: '/v1/keys/a', headers: { 'if-none-match': old } })).body).toBe('new')
  expect((await put(app, 'lost', { 'if-match': old })).statusCode).toBe(412)
})

test('no If-Match holds for a key that is not there', async () => {
  const { app } = await served()
  for (const list of ['"0"', '"0-00000000"', '*', '"1", "0"'])
    expect((await put(app, 'x', { 'if-match': list })).statusCode).toBe(412)
  expect((await app.inject('/v1/keys/a')).statusCode).toBe(404)
})

test('Kv-If-Revision asks for a revision, 0 for none', async () => {
  const { app } = await served()
  expect((await put(app, 'x', { 'kv-if-revision': '1' })).statusCode).toBe(412)
  expect(await put(app, 'x', { 'kv-if-revision': '0' })).toMatchObject({
    statusCode: 201,
    headers: { 'kv-revision': '1' },
  })
  expect(await put(app, 'x', { 'kv-if-revision': '0' })).toMatchObject({
    statusCode: 412,
    headers: { 'kv-revision': '1' },
  })
  expect((await put(app, 'y', { 'kv-if-revision': '1' })).statusCode).toBe(200)
  expect((await put(app, 'y', { 'kv-if-revision': 'x' })).statusCode).toBe(400)
})

test('a put with a time to live tells the ETag that a read tells', async () => {
  const { app } = await served()
  const { headers } = await app.inject({ method: 'PUT', url: '/v1/keys/a?ttl=90s', payload: 'v' })
  expect(headers.etag).toBe(await tag(app))
})
