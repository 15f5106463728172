/**
 * A driver for unstorage (https://unstorage.unjs.io):
 *
 * ```ts
 * import { createStorage } from 'unstorage'
 * import { kvDriver } from 'kvfile/unstorage'
 * const storage = createStorage({ driver: kvDriver({ store: 'app.kv' }) })
 * ```
 */
import { decodeUtf8 } from '../bytes.ts'
import type { OpenOptions, Store } from '../index.ts'
import { OwnStore, type StoreSource } from './own-store.ts'

/** How the driver is made. */
export interface KvDriverOptions extends OpenOptions {
  /** A store, or where one is, which is then opened at first use. */
  readonly store: StoreSource
  /** What the driver's keys begin with in the store, such as `cache:`. Default: nothing. */
  readonly base?: string | undefined
}

/** What unstorage passes on to a driver. */
interface CallOptions {
  /** Seconds until an item expires. */
  readonly ttl?: number | undefined
}

type Bytes = string | ArrayBufferView | ArrayBuffer

/** What is known of an item. */
export interface ItemMeta {
  [name: string]: number
  /** Bytes of the value. */
  size: number
}

/** What {@link kvDriver} makes: a driver of unstorage. */
export interface KvDriver {
  readonly name: string
  readonly flags: { readonly ttl: boolean }
  readonly options: { readonly store: StoreSource; readonly base: string }
  /** The store, opened if need be. */
  getInstance(): Promise<Store>
  hasItem(key: string): Promise<boolean>
  getItem(key: string): Promise<string | null>
  getItems(items: readonly { key: string }[]): Promise<{ key: string; value: string | null }[]>
  getItemRaw(key: string): Promise<Uint8Array | null>
  setItem(key: string, value: string, options?: CallOptions): Promise<void>
  /** Stores all or none. */
  setItems(items: readonly { key: string; value: string; options?: CallOptions }[], common?: CallOptions): Promise<void>
  setItemRaw(key: string, value: Bytes, options?: CallOptions): Promise<void>
  removeItem(key: string): Promise<void>
  /** Also `ttl`, the seconds until the item expires, if it does. */
  getMeta(key: string): Promise<ItemMeta | null>
  getKeys(prefix?: string): Promise<string[]>
  clear(prefix?: string): Promise<void>
  /** Reports changes, also those of other processes, until the function that it resolves to is called. */
  watch(callback: (event: 'update' | 'remove', key: string) => void): Promise<() => Promise<void>>
  /** Closes the store, if this driver opened it; the next use opens it again. */
  dispose(): Promise<void>
}

/** Makes a driver that keeps items in a kv store under their keys: text as text, raw values as their bytes. */
export function kvDriver({ store: source, base = '', ...options }: KvDriverOptions): KvDriver {
  const own = new OwnStore(source, options)
  const inside = (key: string): string => key.slice(base.length)
  return {
    name: 'kvfile',
    flags: { ttl: true },
    options: { store: source, base },
    getInstance: () => own.open(),
    async hasItem(key: string) {
      return (await own.open()).has(base + key)
    },
    async getItem(key: string) {
      return (await (await own.open()).getText(base + key)) ?? null
    },
    async getItems(items: readonly { key: string }[]) {
      const entries = await (await own.open()).getMany(items.map(({ key }) => base + key))
      return items.map(({ key }, i) => ({ key, value: textOf(entries[i]?.value) }))
    },
    async getItemRaw(key: string) {
      return (await (await own.open()).get(base + key)) ?? null
    },
    async setItem(key: string, value: string, call?: CallOptions) {
      await (await own.open()).put(base + key, value, lifetime(call))
    },
    async setItems(items: readonly { key: string; value: string; options?: CallOptions }[], common?: CallOptions) {
      const puts = items.map(({ key, value, options: call }) => ({
        type: 'put' as const,
        key: base + key,
        value,
        ...lifetime(call ?? common),
      }))
      await (await own.open()).batch(puts)
    },
    async setItemRaw(key: string, value: Bytes, call?: CallOptions) {
      const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : (value as string | Uint8Array)
      await (await own.open()).put(base + key, bytes, lifetime(call))
    },
    async removeItem(key: string) {
      await (await own.open()).del(base + key)
    },
    async getMeta(key: string): Promise<ItemMeta | null> {
      const head = await (await own.open()).head(base + key)
      if (head === undefined) return null
      const { valueBytes: size, expires } = head
      return expires === undefined ? { size } : { size, ttl: Math.ceil((expires - Date.now()) / 1000) }
    },
    async getKeys(prefix = '') {
      const keys: string[] = []
      const store = await own.open()
      for await (const { key } of store.text().range({ ...within(base + prefix), keysOnly: true }))
        keys.push(inside(key))
      return keys
    },
    async clear(prefix = '') {
      await (await own.open()).delRange({ ...within(base + prefix), all: true })
    },
    async watch(callback: (event: 'update' | 'remove', key: string) => void) {
      const watch = await (await own.open()).text().watch(within(base))
      const done = (async () => {
        for await (const { type, key } of watch) callback(type === 'put' ? 'update' : 'remove', inside(key))
      })()
      // A store that is closed ends its watches.
      done.catch(() => {})
      return async () => {
        await watch.close()
        await done.catch(() => {})
      }
    },
    dispose: () => own.close(),
  }
}

function within(prefix: string): { prefix?: string } {
  return prefix === '' ? {} : { prefix }
}

function textOf(value: Uint8Array | undefined): string | null {
  return value === undefined ? null : (decodeUtf8(value) ?? null)
}

function lifetime(call: CallOptions | undefined): { ttl?: number } {
  return call?.ttl === undefined || call.ttl <= 0 ? {} : { ttl: Math.ceil(call.ttl * 1000) }
}
