import { compareBytes, prefixEnd, successor } from '../../bytes.ts'
import { startsWith } from './folder.ts'
import type { Abortable, Supports } from '../driver/driver.ts'
import type { Entry } from '../driver/entry.ts'

/** Keys asked for at a time at most; of a store elsewhere always, since a request takes longer than what it asks for. */
export const PAGE_KEYS = 128

/** The keys from `gte` (included) up to `lt` (excluded), or those that begin with `prefix`. */
interface KeyRange {
  readonly gte?: Uint8Array
  readonly lt?: Uint8Array | undefined
  readonly prefix?: Uint8Array
  readonly limit: number
  readonly reverse?: boolean
}

/** What of a Store is needed to read keys. */
export interface KeySource {
  readonly supports: Supports
  rangePages(options: KeyRange & { keysOnly: true } & Abortable): AsyncIterable<Entry[]>
}

/** Where the group of a key ends; `undefined`: the key is for itself. */
export type GroupEnd = (key: Uint8Array) => number | undefined

/** What the keys of a group begin with, and the first of them. */
export interface GroupStart {
  readonly bytes: Uint8Array
  readonly key: Uint8Array
  /** Whether the key is for itself. */
  readonly whole: boolean
}

/**
 * The groups of the keys that begin with `prefix`, in order and in pages that may be empty, by a seek to the first key of
 * each: quick however many keys they have, and not of one moment.
 */
export async function* groupStarts(
  store: KeySource,
  prefix: Uint8Array,
  endOf: GroupEnd,
  signal?: AbortSignal,
): AsyncGenerator<GroupStart[], void, void> {
  const stop = prefixEnd(prefix)
  /** One key is enough to know a group by; where groups have few keys, several at a time cost less. */
  let limit = store.supports.remote ? PAGE_KEYS : 1
  for (let from: Uint8Array | undefined = prefix; isBefore(from, stop);) {
    const keys = await keysOf(store, { gte: from, lt: stop, limit }, signal)
    const starts: GroupStart[] = []
    for (const key of keys) {
      const last = starts.at(-1)
      if (last === undefined || last.whole || !startsWith(key, last.bytes)) starts.push(groupStart(key, endOf))
    }
    yield starts
    const last = starts.at(-1)
    if (last === undefined || keys.length < limit) return
    from = nextAfter(last)
    if (!store.supports.remote) limit = starts.length * 2 > limit ? Math.min(limit * 2, PAGE_KEYS) : 1
  }
}

/** The group of a key. */
export function groupStart(key: Uint8Array, endOf: GroupEnd): GroupStart {
  const end = endOf(key)
  return { bytes: key.subarray(0, end), key, whole: end === undefined }
}

/** The first key there could be after a group. */
export function nextAfter({ whole, key, bytes }: GroupStart): Uint8Array | undefined {
  return whole ? successor(key) : prefixEnd(bytes)
}

/** Whether a key can be between two bounds, `undefined` being after every key. */
export function isBefore(from: Uint8Array | undefined, stop: Uint8Array | undefined): from is Uint8Array {
  return from !== undefined && (stop === undefined || compareBytes(from, stop) < 0)
}

/** The keys of a range. */
export async function keysOf(
  store: KeySource,
  range: KeyRange,
  signal: AbortSignal | undefined,
): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = []
  for await (const page of store.rangePages({ ...range, keysOnly: true, signal }))
    for (const { key } of page) keys.push(key)
  return keys
}
