/**
 * The library: an ordered key-value store in one local file, the same one the `kv` command uses.
 *
 * ```ts
 * import { openStore } from 'kvfile'
 * await using store = await openStore('app.kv')
 * await store.put('user:1', 'Ada')
 * for await (const { key, value } of store.range({ prefix: 'user:' })) console.log(key, value)
 * ```
 */
import { openDriver } from './drivers/index.ts'
import type { OpenOptions } from './drivers/options.ts'
import { Store } from './store/store.ts'

/**
 * Opens a store. A file that does not exist yet is an empty store, made by the first write.
 * Throws `KV_USAGE` for a location no driver knows, `KV_FOREIGN`, `KV_NEWER_FORMAT` or
 * `KV_CORRUPT` for a file that is not a healthy store (which is left as it is), and
 * `KV_UNAVAILABLE` when it cannot be opened.
 */
export async function openStore(location: string, options: OpenOptions = {}): Promise<Store> {
  return new Store(location, await openDriver(location, options))
}

export type { OpenOptions } from './drivers/options.ts'
export { CODES, type Code, KvError, type KvErrorOptions } from './errors.ts'
export type { Block, Blocks } from './store/block.ts'
export type {
  Abortable,
  Awaitable,
  Change,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  Condition,
  Driver,
  Entry,
  GetManyOptions,
  Head,
  JsonLinesOptions,
  Lifetime,
  Limits,
  Op,
  PutResult,
  RangeQuery,
  Stat,
  Supports,
  WatchQuery,
} from './store/driver.ts'
export type { ConditionInput, KeyInput } from './store/input.ts'
export type { RangeOptions } from './store/range.ts'
export { Watch, type WatchOptions } from './store/watch.ts'
export { Store } from './store/store.ts'
export type { BatchOp, DelOptions, DelRangeOptions, PutOptions } from './store/write-options.ts'
