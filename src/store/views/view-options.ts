import { asBuffer } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { IncrOptions, UpdateOptions, Updater } from '../atomic/atomic-access.ts'
import type { Abortable } from '../driver/driver.ts'
import type { Change, Condition, Entry } from '../driver/entry.ts'
import { type KeyInput, bytesOf } from '../input.ts'
import type { WatchOptions } from '../watch.ts'
import type { BatchOptions, DelOptions, PutOptions } from '../write-options.ts'
import type { Codec } from './codec.ts'

export type { IncrOptions, UpdateOptions, Updater }

/** What a view shows, and how. */
export interface ViewOptions<K = string, V = string> {
  /** Only keys that begin with this are seen, and without it. Default: every key. */
  readonly prefix?: KeyInput
  /** How keys are stored. Default: as those of the view that this one is made of; of a store, as text. */
  readonly key?: Codec<K>
  /** How values are stored. Default: likewise. */
  readonly value?: Codec<V>
}

/** An entry as a view shows it. */
export interface ViewEntry<K = string, V = string> extends Pick<Entry, 'revision' | 'expires'> {
  /** Without the prefix of the view. */
  readonly key: K
  readonly value: V
}

/** A change as a view shows it. */
export type ViewChange<K = string, V = string> =
  | ({ readonly type: 'put'; readonly position: string } & ViewEntry<K, V>)
  | (Pick<Extract<Change, { type: 'del' }>, 'type' | 'position'> & { readonly key: K })

/** Which keys of a view. All bounds given must hold; without any, every key of the view. */
export interface ViewBounds<K = string> {
  /** Keys after this one. */
  readonly gt?: K | undefined
  /** Keys from this one on. */
  readonly gte?: K | undefined
  /** Keys before this one. */
  readonly lt?: K | undefined
  /** Keys up to and with this one. */
  readonly lte?: K | undefined
  /** Keys whose bytes begin with these. */
  readonly prefix?: KeyInput | undefined
}

/** Which keys of a view, in which order. */
export interface ViewRangeOptions<K = string> extends ViewBounds<K>, Abortable {
  /** From the last key to the first. Default: false. */
  readonly reverse?: boolean | undefined
  /** At most this many entries. Default: all. */
  readonly limit?: number | undefined
}

/** Which keys of a view to delete: at least one bound, or `all: true` for every key of the view. */
export interface ViewDelRangeOptions<K = string> extends ViewBounds<K>, Abortable {
  readonly all?: boolean | undefined
}

/** What of a view to watch: one key or a range, by default every key of the view. */
export interface ViewWatchOptions<K = string>
  extends ViewBounds<K>, Pick<WatchOptions, 'after' | 'resumable' | 'signal'> {
  /** This key alone. */
  readonly key?: K | undefined
}

/** A condition on an entry of a view. */
export type ViewCondition<V = string> =
  | Exclude<Condition, { type: 'value' }>
  | { readonly type: 'value'; readonly value: V }

/** What a put of a view may ask for besides the value. */
export type ViewPutOptions<V = string> = Omit<PutOptions, 'condition'> & {
  readonly condition?: ViewCondition<V> | undefined
}

/** What a delete of a view may ask for. */
export type ViewDelOptions<V = string> = Omit<DelOptions, 'condition'> & {
  readonly condition?: ViewCondition<V> | undefined
}

/** One step of a batch of a view. */
export type ViewBatchOp<K = string, V = string> =
  | ({ readonly type: 'put'; readonly key: K; readonly value: V } & Pick<PutOptions, 'expires' | 'ttl'>)
  | { readonly type: 'del'; readonly key: K }

/** How a batch of a view is applied. */
export interface ViewBatchOptions<K = string, V = string> extends Omit<BatchOptions, 'conditions'> {
  readonly conditions?: readonly { readonly key: K; readonly condition: ViewCondition<V> }[] | undefined
}

/** The prefix that options name. Throws `KV_USAGE` for one that is given as `undefined`: it would mean every key. */
export function prefixOf(options: Pick<ViewOptions, 'prefix'>): string | Uint8Array {
  if (!('prefix' in options)) return ''
  if (options.prefix === undefined) throw usageError('the prefix of a view is undefined', 'leave it out for every key')
  const bytes = bytesOf(options.prefix, 'KV_INVALID_KEY', 'prefix')
  return typeof options.prefix === 'string' ? options.prefix : Buffer.from(bytes)
}

/** A key below a prefix. Throws `KV_INVALID_KEY` for what is no key. */
export function below(prefix: string | Uint8Array, key: KeyInput): KeyInput {
  if (prefix.length === 0) return key
  if (typeof prefix === 'string' && typeof key === 'string') return prefix + key
  const bytes = bytesOf(key, 'KV_INVALID_KEY', 'key')
  return Buffer.concat([asBuffer(bytesOf(prefix, 'KV_INVALID_KEY', 'prefix')), asBuffer(bytes)])
}
