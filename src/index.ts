/**
 * The library: an ordered key-value store in one local file, the same one the `kv` command uses.
 *
 * ```ts
 * import { openStore } from 'kvfile'
 * await using store = await openStore('app.kv')
 * await store.put('user:1', 'Ada')
 * for await (const { key, value } of store.text().range({ prefix: 'user:' })) console.log(key, value)
 * ```
 */
import { openDriver } from './drivers/index.ts'
import { type OpenOptions, TOKEN_FORM, isToken } from './drivers/options.ts'
import { interrupted, usageError } from './errors.ts'
import { checkFunction, checkNumber, checkOptions, checkWholeNumber, flagOf, kindOf } from './store/input.ts'
import { Store } from './store/store.ts'

/**
 * Opens a store: a path, a `file:` URL, `memory:`, or `http://host:port` of a `kv serve`. A file that does not exist
 * yet is an empty store, made by the first write. Throws `KV_USAGE` for a location no driver knows and an option that
 * is none, `KV_FOREIGN`, `KV_NEWER_FORMAT` or `KV_CORRUPT` for a file that is not a healthy store (which is left as
 * it is), and `KV_UNAVAILABLE` when it cannot be opened.
 */
export async function openStore(location: string | URL, options: OpenOptions = {}): Promise<Store> {
  if (typeof location !== 'string' && !(location instanceof URL))
    throw usageError(`the location of a store is a string or a URL, not ${kindOf(location)}`)
  checkOptions(
    options,
    ['durable', 'timeoutMs', 'credentials', 'maxEntries', 'cache', 'makeFolder', 'clock', 'signal'],
    'openStore',
  )
  if (options.signal?.aborted) throw interrupted(options.signal)
  flagOf(options.durable, 'durable')
  flagOf(options.makeFolder, 'makeFolder')
  checkNumber(options.timeoutMs, 'timeoutMs', 0)
  checkWholeNumber(options.maxEntries, 'maxEntries', 1)
  checkWholeNumber(options.cache, 'cache', 0)
  checkCredentials(options.credentials)
  checkFunction(options.clock, 'clock')
  const text = String(location)
  return new Store(text, await openDriver(text, { ...options, freeAtClose: true }))
}

function checkCredentials(credentials: OpenOptions['credentials']): void {
  checkOptions(credentials, ['token', 'user', 'password', 'passwordFile'], 'credentials')
  for (const [name, value] of Object.entries<unknown>({ ...credentials })) {
    if (value !== undefined && typeof value !== 'string') throw usageError(`${name} is a string, not ${kindOf(value)}`)
  }
  const token = credentials?.token
  if (token !== undefined && !isToken(token)) throw usageError('the token of credentials is none', TOKEN_FORM)
}

export type { Credentials, OpenOptions } from './drivers/options.ts'
export { CODES, type Code, KvError, type KvErrorDetails, type KvErrorOptions } from './errors.ts'
export type { Block, Blocks } from './blocks/block.ts'
export type { Cached } from './store/driver/cached.ts'
export type {
  BackupOptions,
  Care,
  Compacted,
  Copied,
  CopyOptions,
  RestoreOptions,
  Restored,
  Salvaged,
} from './store/driver/care.ts'
export type {
  Abortable,
  Awaitable,
  Changes,
  CheckOptions,
  CheckReport,
  Clock,
  Driver,
  DriverBatchOptions,
  DriverDelOptions,
  DriverPutOptions,
  GetManyOptions,
  Limits,
  RangeQuery,
  Stat,
  Supports,
  TextOptions,
  WatchQuery,
} from './store/driver/driver.ts'
export type {
  DriverLoadOptions,
  LoadPartOptions,
  LoadedPart,
  LongLoad,
  LongLoadOptions,
  StoreCollectedOptions,
} from './store/driver/load.ts'
export type { Change, Condition, Entry, Head, KeyCondition, Lifetime, Op, PutResult } from './store/driver/entry.ts'
export type { History, HistoryCall, HistoryStatus, Moment, Version, VersionsOptions } from './store/driver/history.ts'
export type { Usage, UsageProgress, UsageQuery } from './store/driver/usage.ts'
export { type HistoryOptions, StoreHistory } from './store/history.ts'
export type { ConditionInput, KeyInput } from './store/input.ts'
export type { RangeOptions } from './store/range.ts'
export type { UsageOptions } from './store/usage.ts'
export { Watch, type WatchOptions } from './store/watch.ts'
export type { LoadOptions } from './store/load.ts'
export type { CollectOptions, Collected } from './store/stream/load-stream.ts'
export type { RangeAccess } from './store/range-access.ts'
export { Store } from './store/store.ts'
export type { AtomicAccess, IncrOptions, TakeRange, UpdateOptions, Updater } from './store/atomic/atomic-access.ts'
export type { GetOrSetOptions } from './store/atomic/computed.ts'
export type { TextForm } from './store/driver/text-form.ts'
export type { SyncWrites } from './store/driver/sync-writes.ts'
export type { SyncAccess } from './store/sync-access.ts'
export type { ByteAccess } from './store/views/byte-access.ts'
export { type OrderedPart, decodeOrderedKey, orderedKey, orderedKeyCodec } from './store/views/ordered-key.ts'
export { type Codec, bytesCodec, jsonCodec, textCodec } from './store/views/codec.ts'
export type { TextView } from './store/views/text-view.ts'
export type { ViewAccess } from './store/views/view-access.ts'
export type {
  ViewBatchOp,
  ViewBatchOptions,
  ViewBounds,
  ViewChange,
  ViewCondition,
  ViewDelOptions,
  ViewDelRangeOptions,
  ViewEntry,
  ViewOptions,
  ViewPutOptions,
  ViewRangeOptions,
  ViewWatchOptions,
} from './store/views/view-options.ts'
export type { ViewWatch } from './store/views/view-watch.ts'
export type { View } from './store/views/view.ts'
export { DELETE } from './store/atomic/key-updates.ts'
export type { BatchOp, BatchOptions, DelOptions, DelRangeOptions, PutOptions } from './store/write-options.ts'
