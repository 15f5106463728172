/**
 * A storage adapter for Keyv (https://keyv.org):
 *
 * ```ts
 * import Keyv from 'keyv'
 * import { KeyvAdapter } from 'kvfile/keyv'
 * const cache = new Keyv({ store: new KeyvAdapter('cache.kv') })
 * ```
 */
import type { OpenOptions } from '../index.ts'
import { OwnStore, type StoreSource } from './own-store.ts'

/**
 * Keeps what Keyv stores in a kv store: its texts under its keys, and each entry until its time to live is over. Namespaces
 * are prefixes of keys, as Keyv makes them.
 */
export class KeyvAdapter {
  /** Keyv goes through the entries of an adapter only when it knows this name. */
  opts: Record<string, unknown> = { dialect: 'sqlite' }
  /** Set by Keyv: `clear` and `iterator` keep to keys that begin with it and a colon. */
  namespace: string | undefined
  readonly #store: OwnStore

  /** @param source a store, or where one is, which is then opened at first use with the options of `openStore` */
  constructor(source: StoreSource, options?: OpenOptions) {
    this.#store = new OwnStore(source, options)
  }

  /** Keyv asks to be told of errors; here every one is thrown by the call that it is about. */
  on(_event: string, _listener: (...args: unknown[]) => void): this {
    return this
  }

  /** The text under a key, or `undefined`. */
  async get<Value>(key: string): Promise<Value | undefined> {
    return (await (await this.#store.open()).getText(key)) as Value | undefined
  }

  /** The texts under several keys, in the order asked. */
  async getMany<Value>(keys: string[]): Promise<(Value | undefined)[]> {
    const entries = await (await this.#store.open()).text().getMany(keys)
    return entries.map((entry) => entry?.value as Value | undefined)
  }

  /** Stores a text under a key for so many milliseconds; without a number, or with 0, for good. */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    await (await this.#store.open()).put(key, value, lifetime(ttl))
    return true
  }

  /** Stores several, all or none. */
  async setMany(entries: { key: string; value: string; ttl?: number }[]): Promise<void> {
    const store = await this.#store.open()
    await store.batch(entries.map(({ key, value, ttl }) => ({ type: 'put', key, value, ...lifetime(ttl) })))
  }

  /** Whether a key is there. */
  async has(key: string): Promise<boolean> {
    return (await this.#store.open()).has(key)
  }

  /** The same of several, in the order asked. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    const store = await this.#store.open()
    return Promise.all(keys.map((key) => store.has(key)))
  }

  /** Removes a key; resolves to whether it was there. */
  async delete(key: string): Promise<boolean> {
    return (await this.#store.open()).del(key)
  }

  /** Removes several; resolves to whether one of them was there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    const store = await this.#store.open()
    const were = await Promise.all(keys.map((key) => store.del(key)))
    return were.includes(true)
  }

  /** Removes all keys of the namespace; without one, all keys of the store. */
  async clear(): Promise<void> {
    const store = await this.#store.open()
    await store.delRange(this.namespace === undefined ? { all: true } : { prefix: `${this.namespace}:` })
  }

  /** Keys and texts of a namespace, or of the whole store, at one moment. */
  async *iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void> {
    const store = await this.#store.open()
    for await (const { key, value } of store.text().range(namespace === undefined ? {} : { prefix: `${namespace}:` }))
      yield [key, value as Value]
  }

  /** Closes the store, if this adapter opened it; the next use opens it again. */
  disconnect(): Promise<void> {
    return this.#store.close()
  }
}

function lifetime(ttl: number | undefined): { ttl?: number } {
  return ttl === undefined || ttl === 0 ? {} : { ttl: Math.max(1, Math.ceil(ttl)) }
}
