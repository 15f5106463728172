import { parseLocation } from '../../drivers/location.ts'
import { KvError, reasonOf } from '../../errors.ts'
import type { Store } from '../../store/store.ts'
import { quoteWord } from '../../shell-quote.ts'
import { type Awaitable, KEY_PREFIX, type KeyValue, type ScanOptions, type Target } from './target.ts'

/** A store of kv, through the library that everybody uses. */
export class StoreTarget implements Target {
  readonly name = 'kv'
  readonly how: string
  readonly durable: boolean | null
  readonly #store: Store

  readonly #clean: boolean

  private constructor(store: Store, durable: boolean, clean: boolean) {
    this.#store = store
    this.#clean = clean
    // Only the server knows when a write is on its disk.
    const remote = parseLocation(store.location).isRemote
    this.durable = remote ? null : durable
    this.how = remote ? 'over HTTP' : 'library'
  }

  /**
   * Takes over an open store. Throws `KV_USAGE` when it has keys of the benchmark's own prefix:
   * they would be overwritten, and deleted at the end.
   *
   * @param clean whether the benchmark's keys are deleted at the end
   */
  static async over(store: Store, durable: boolean, clean: boolean): Promise<StoreTarget> {
    const there = await store.count({ prefix: KEY_PREFIX, limit: 1 })
    if (there > 0) {
      throw new KvError('KV_USAGE', `the store already has keys that begin with ${KEY_PREFIX}`, {
        hint: `they may be left from a benchmark that was killed; ${removal(store)}`,
      })
    }
    return new StoreTarget(store, durable, clean)
  }

  get(key: Buffer): Awaitable<Uint8Array | undefined> {
    return this.#store.supports.syncReads ? this.#store.getSync(key) : this.#store.get(key)
  }

  put(key: Buffer, value: Buffer): Promise<unknown> {
    return this.#store.put(key, value)
  }

  putMany(entries: readonly KeyValue[]): Promise<unknown> {
    return this.#store.batch(entries.map(({ key, value }) => ({ type: 'put', key, value })))
  }

  del(key: Buffer): Promise<boolean> {
    return this.#store.del(key)
  }

  async range(start: Buffer, limit: number): Promise<number> {
    let count = 0
    for await (const page of this.#store.rangePages({ prefix: KEY_PREFIX, gte: start, limit })) count += page.length
    return count
  }

  async scan(prefix: Buffer, { reverse, keysOnly }: ScanOptions): Promise<number> {
    let count = 0
    for await (const page of this.#store.rangePages({ prefix, reverse, keysOnly })) count += page.length
    return count
  }

  count(prefix: Buffer): Promise<number> {
    return this.#store.count({ prefix })
  }

  /** What answers: the driver's own words where it has some. */
  async engine(): Promise<string> {
    const { engine } = (await this.#store.stat()).details
    return engine === undefined ? this.#store.driverName : String(engine)
  }

  async close(): Promise<void> {
    try {
      if (this.#clean) await this.#store.delRange({ prefix: KEY_PREFIX })
    } catch (cause) {
      const { code, message } = cause instanceof KvError ? cause : new KvError('KV_IO', reasonOf(cause))
      throw new KvError(code, `${message}; keys that begin with ${KEY_PREFIX} are left in the store`, {
        hint: `when that is mended, ${removal(this.#store)}`,
        cause,
      })
    } finally {
      await this.#store.close()
    }
  }
}

function removal({ location }: Store): string {
  return `remove them with: kv del --store ${quoteWord(location)} --prefix ${KEY_PREFIX} --yes`
}
