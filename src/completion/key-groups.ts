import { characterStart, compareBytes, decodeUtf8, prefixEnd, successor, utf8 } from '../bytes.ts'
import { escapeLine } from '../safe-text.ts'
import type { RangeOptions } from '../store/range.ts'
import type { Store } from '../store/store.ts'

/** What keys are cut at for completion. */
const SEPARATORS = new Set([...':/.'].map((char) => char.charCodeAt(0)))
/** Groups shown; where there are more, keys are grouped by their next character instead. */
const MAX_GROUPS = 100
/** Keys asked for at a time at most; of a store elsewhere always, since a request takes longer than what it asks for. */
const PAGE_KEYS = 128
/** Bytes before which the keys of such a store are parted first, to be looked through at the same time. */
const PARTS = [...'05:ANacegikmoqsuwy{'].map((char) => char.charCodeAt(0))

/** Counts the keys that begin so, exactly up to 2, and says how many for people. */
export interface KeyCounter {
  prefix(store: Store, prefix: Uint8Array, signal?: AbortSignal): Promise<{ count: number; shown: string }>
  /** A number for people. */
  shown(count: number): string
}

/** Keys that begin alike. */
export interface KeyGroup {
  /** A whole key, or what the keys of the group have in common. */
  readonly text: string
  /** Whether `text` is the only key of the group. */
  readonly whole: boolean
  /** How many keys, for people: `12,403`, `10,000+`. */
  readonly count: string
  /** Whether `text` ends at a separator. */
  readonly atSeparator: boolean
}

/** The start of a group, and its first key. */
interface Start {
  readonly bytes: Uint8Array
  readonly key: Uint8Array
  /** Whether the key is for itself. */
  readonly whole: boolean
  /** How many keys; `undefined` where that is to be counted. */
  count: number | undefined
}

interface Starts {
  readonly starts: readonly Start[]
  readonly more: boolean
}

/** Where the group of a key ends; `undefined`: the key is for itself. */
type GroupEnd = (key: Uint8Array) => number | undefined

/**
 * The groups of the keys that begin with `start`: up to the next `:`, `/` or `.`, or, where these are too many to
 * show, up to the next character. Keys that are no text are left out. Each group costs a seek to its first key, and a
 * count of the index.
 */
export async function keyGroups(
  store: Store,
  counter: KeyCounter,
  start: string,
  signal?: AbortSignal,
): Promise<{ groups: readonly KeyGroup[]; more: boolean }> {
  const prefix = utf8(start)
  const collect = store.supports.remote ? collectRemote : collectHere
  let found = await collect(store, prefix, (key) => separatorEnd(key, prefix.length), signal)
  if (found.more) {
    const common = await commonOf(store, prefix, signal)
    found = await collect(store, common, (key) => characterEnd(key, common.length), signal)
  }
  const { starts, more } = found
  const countOf = async ({ bytes, count }: Start): Promise<{ count: number; shown: string }> =>
    count === undefined ? counter.prefix(store, bytes, signal) : { count, shown: counter.shown(count) }
  const counts: { count: number; shown: string }[] = []
  // Here each count takes the processor, and the first ones tell whether the others may be exact.
  if (!store.supports.remote) for (const each of starts) counts.push(await countOf(each))
  else counts.push(...(await Promise.all(starts.map(countOf))))
  const groups: KeyGroup[] = []
  for (const [i, { bytes, key }] of starts.entries()) {
    const { count, shown } = counts[i]!
    const text = decodeUtf8(count === 1 ? key : bytes)
    if (text === undefined) continue
    groups.push({ text, whole: count === 1, count: shown, atSeparator: SEPARATORS.has(bytes.at(-1)!) })
  }
  return { groups, more }
}

/** The first groups of the keys that begin with `prefix`, in order. */
async function collectHere(
  store: Store,
  prefix: Uint8Array,
  endOf: GroupEnd,
  signal: AbortSignal | undefined,
): Promise<Starts> {
  const starts: Start[] = []
  const stop = prefixEnd(prefix)
  /** One key is enough to know a group by; where keys are groups of their own, several at a time cost less. */
  let limit = 1
  for (let from: Uint8Array | undefined = prefix; isBefore(from, stop);) {
    const keys = await keysOf(store, { gte: from, lt: stop, limit }, signal)
    let last: Start | undefined
    for (const key of keys) {
      if (last !== undefined && !last.whole && startsWith(key, last.bytes)) continue
      if (starts.length === MAX_GROUPS) return { starts, more: true }
      starts.push((last = startOf(key, endOf)))
    }
    if (last === undefined || keys.length < limit) break
    from = nextAfter(last)
    limit = last.whole ? Math.min(limit * 2, PAGE_KEYS) : 1
  }
  return { starts, more: false }
}

/**
 * The same in a remote store, with as few requests in a row as can be: what one page does not show is parted, and the
 * parts are asked for together. Where there are more groups than are shown, these are some of them.
 */
async function collectRemote(
  store: Store,
  prefix: Uint8Array,
  endOf: GroupEnd,
  signal: AbortSignal | undefined,
): Promise<Starts> {
  let found = 0
  /** The groups of the keys from `from` on; what is left of them after a page is parted at `bounds`. */
  const collectRange = async (
    from: Uint8Array,
    stop: Uint8Array | undefined,
    bounds: readonly Uint8Array[],
  ): Promise<Start[]> => {
    if (found > MAX_GROUPS) return []
    const keys = await keysOf(store, { gte: from, lt: stop, limit: PAGE_KEYS }, signal)
    const starts = grouped(keys, endOf)
    found += starts.length
    const last = starts.at(-1)
    if (last === undefined || keys.length < PAGE_KEYS) return starts
    // It may go on beyond the page.
    if (!last.whole) last.count = undefined
    const next = nextAfter(last)
    if (!isBefore(next, stop)) return starts
    const inner = bounds.filter((bound) => compareBytes(bound, next) > 0)
    const edges = [next, ...(inner.length === 0 ? [midpoint(next, stop)] : inner)]
    const rest = await Promise.all(edges.map((edge, i) => collectRange(edge, edges[i + 1] ?? stop, [])))
    return merged([starts, ...rest])
  }
  const bounds = PARTS.map((byte) => Buffer.concat([prefix, Buffer.of(byte)]))
  const starts = await collectRange(prefix, prefixEnd(prefix), bounds)
  return { starts: starts.slice(0, MAX_GROUPS), more: starts.length > MAX_GROUPS }
}

/** The groups of these keys, counted. */
function grouped(keys: readonly Uint8Array[], endOf: GroupEnd): Start[] {
  const starts: Start[] = []
  let group: Start | undefined
  for (const key of keys) {
    if (group !== undefined && !group.whole && startsWith(key, group.bytes)) group.count!++
    else starts.push((group = { ...startOf(key, endOf), count: 1 }))
  }
  return starts
}

/** Groups of neighbouring ranges, of which one may have begun in the range before. */
function merged(ranges: readonly Start[][]): Start[] {
  const all: Start[] = []
  for (const start of ranges.flat()) {
    const last = all.at(-1)
    if (last !== undefined && !last.whole && !start.whole && compareBytes(last.bytes, start.bytes) === 0)
      last.count = undefined
    else all.push(start)
  }
  return all
}

function startOf(key: Uint8Array, endOf: GroupEnd): Start {
  const end = endOf(key)
  return { bytes: key.subarray(0, end), key, whole: end === undefined, count: end === undefined ? 1 : undefined }
}

/** The first key there could be after a group. */
function nextAfter({ whole, key, bytes }: Start): Uint8Array | undefined {
  return whole ? successor(key) : prefixEnd(bytes)
}

function isBefore(from: Uint8Array | undefined, stop: Uint8Array | undefined): from is Uint8Array {
  return from !== undefined && (stop === undefined || compareBytes(from, stop) < 0)
}

/** A key between two, the second left out where there is no end: where they first differ by more than one, half way. */
function midpoint(from: Uint8Array, stop: Uint8Array | undefined): Uint8Array {
  let isBelow = stop === undefined
  for (let at = 0; ; at++) {
    const low = from[at] ?? 0
    const high = isBelow ? 0x100 : stop![at]!
    if (high - low > 1)
      return Buffer.concat([
        from.subarray(0, at),
        Buffer.alloc(Math.max(0, at - from.length)),
        Buffer.of((low + high) >> 1),
      ])
    if (high > low) isBelow = true
  }
}

/** The longest start that all keys beginning with `prefix` share, cut between characters. */
async function commonOf(store: Store, prefix: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const [[first], [last]] = await Promise.all([
    keysOf(store, { prefix, limit: 1 }, signal),
    keysOf(store, { prefix, limit: 1, reverse: true }, signal),
  ])
  if (first === undefined || last === undefined) return prefix
  let length = prefix.length
  while (length < first.length && first[length] === last[length]) length++
  return first.subarray(0, Math.max(prefix.length, characterStart(first, length)))
}

/** A key as the user sees it in a list. */
export function keyLabel(group: KeyGroup): string {
  return `${escapeLine(group.text)}${group.whole || group.atSeparator ? '' : '…'}`
}

async function keysOf(store: Store, range: RangeOptions, signal: AbortSignal | undefined): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = []
  for await (const page of store.rangePages({ ...range, keysOnly: true, signal }))
    for (const { key } of page) keys.push(key)
  return keys
}

function startsWith(key: Uint8Array, start: Uint8Array): boolean {
  return key.length >= start.length && compareBytes(key.subarray(0, start.length), start) === 0
}

/** Where the group of a key ends, after a separator; `undefined`: the key is for itself. */
function separatorEnd(key: Uint8Array, from: number): number | undefined {
  for (let at = from; at < key.length; at++) if (SEPARATORS.has(key[at]!)) return at + 1
  return undefined
}

/** Where the character after `from` ends; `undefined`: there is none. */
function characterEnd(key: Uint8Array, from: number): number | undefined {
  if (key.length <= from) return undefined
  let end = from + 1
  while (end < key.length && (key[end]! & 0xc0) === 0x80) end++
  return end
}
