import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Keyv, type KeyvStoreAdapter } from 'keyv'
import * as vitest from 'vitest'
import { describe, expect, onTestFinished, test } from 'vitest'
import { KeyvAdapter } from '../../src/adapters/keyv.ts'
import { openStore } from '../../src/index.ts'
import { tempDir } from '../helpers/temp-dir.ts'

type Cases = (test: typeof vitest, keyv: typeof Keyv, store: () => KeyvAdapter) => void

/** What the package of Keyv's tests exports. */
interface Suite {
  readonly default: Cases
  readonly keyvIteratorTests: Cases
}

/** Keyv's own tests for adapters, which CI installs: a dependency of theirs downloads when npm installs it. */
const suite = await ownSuite()

describe.skipIf(suite === undefined)("Keyv's tests for adapters", () => {
  // One store for all: the suite asks for a new adapter at each step, and expects to find what the last one stored.
  const folder = mkdtempSync(join(tmpdir(), 'kv-keyv-'))
  vitest.afterAll(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'cache.kv')
  const adapters: KeyvAdapter[] = []
  const make = (): KeyvAdapter => {
    const adapter = new KeyvAdapter(path)
    adapters.push(adapter)
    return adapter
  }
  vitest.afterEach(async () => {
    await Promise.all(adapters.splice(0).map((adapter) => adapter.disconnect()))
  })
  suite?.default(vitest, Keyv, make)
  describe('iterator', () => suite?.keyvIteratorTests(vitest, Keyv, make))
})

describe('an adapter for Keyv', () => {
  test('is what Keyv takes, and keeps what it stores in the file', async () => {
    const path = join(tempDir(), 'cache.kv')
    const adapter: KeyvStoreAdapter = new KeyvAdapter(path)
    const cache = new Keyv({ store: adapter, namespace: 'users' })
    await cache.set('1', { name: 'Ada' })
    expect(await cache.get('1')).toEqual({ name: 'Ada' })
    await cache.disconnect()
    await using store = await openStore(path)
    expect(JSON.parse((await store.getText('users:1'))!)).toMatchObject({ value: { name: 'Ada' } })
  })

  test('lets entries expire in the store itself', async () => {
    let now = Date.UTC(2030, 0, 1)
    const store = await openStore('memory:', { clock: () => now })
    onTestFinished(() => store.close())
    const adapter = new KeyvAdapter(store)
    await adapter.set('short', 'a', 1000.5)
    await adapter.set('long', 'b', 0)
    await adapter.setMany([{ key: 'many', value: 'c', ttl: 500 }])
    expect(await adapter.getMany(['short', 'long', 'many'])).toEqual(['a', 'b', 'c'])
    now += 1001
    expect(await adapter.hasMany(['short', 'long', 'many'])).toEqual([false, true, false])
    expect(await store.count()).toBe(1)
  })

  test('clears one namespace, and goes through it alone', async () => {
    const store = await openStore('memory:')
    onTestFinished(() => store.close())
    const of = (namespace: string): Keyv => new Keyv({ store: new KeyvAdapter(store), namespace })
    const [a, ab] = [of('a'), of('ab')]
    await a.set('1', 'one')
    await ab.set('1', 'two')
    const seen: unknown[] = []
    for await (const entry of a.iterator!(undefined)) seen.push(entry)
    expect(seen).toEqual([['1', 'one']])
    await a.clear()
    expect([await a.get('1'), await ab.get('1')]).toEqual([undefined, 'two'])
  })

  test('leaves a store open that it was given, and opens its own again', async () => {
    await using store = await openStore('memory:')
    const given = new KeyvAdapter(store)
    await given.set('a', '1')
    await given.disconnect()
    expect(await store.getText('a')).toBe('1')
    const own = new KeyvAdapter(join(tempDir(), 'own.kv'))
    await own.set('a', '1')
    await own.disconnect()
    expect(await own.get('a')).toBe('1')
    await own.disconnect()
  })

  test('tells why a store cannot be opened, each time anew', async () => {
    const adapter = new KeyvAdapter(join(tempDir(), 'missing', 'folder', 'x.kv'))
    await expect(adapter.set('a', '1')).rejects.toMatchObject({ code: 'KV_UNAVAILABLE' })
    await expect(adapter.set('a', '1')).rejects.toMatchObject({ code: 'KV_UNAVAILABLE' })
    await adapter.disconnect()
  })
})

async function ownSuite(): Promise<Suite | undefined> {
  const folder = process.env['KEYV_TEST_SUITE']
  if (folder !== undefined && existsSync(folder)) {
    const path = createRequire(join(folder, 'x.js')).resolve('@keyv/test-suite')
    return import(pathToFileURL(path.replace(/\.cjs$/, '.js')).href)
  }
  const hint = "KEYV_TEST_SUITE names no folder with Keyv's test suite: npm install --ignore-scripts @keyv/test-suite"
  if (process.env['CI']) throw new Error(hint)
  console.warn(hint)
  return undefined
}
