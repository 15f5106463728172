import { characterStart, compareBytes, decodeUtf8, prefixEnd, utf8 } from '../bytes.ts'
import { escapeLine } from '../safe-text.ts'
import { folderEnd, startsWith } from '../store/folders/folder.ts'
import {
  type GroupEnd,
  type GroupStart,
  PAGE_KEYS,
  groupStart,
  groupStarts,
  isBefore,
  keysOf,
  nextAfter,
} from '../store/folders/groups.ts'
import type { Store } from '../store/store.ts'

/** What keys are cut at for completion. */
const SEPARATORS = [...':/.'].map((char) => utf8(char))
/** Groups shown; where there are more, keys are grouped by their next character instead. */
const MAX_GROUPS = 100
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

/** The start of a group, with how many keys it has; `undefined` where that is to be counted. */
interface Start extends GroupStart {
  count: number | undefined
}

interface Starts {
  readonly starts: readonly Start[]
  readonly more: boolean
}

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
  let found = await collect(store, prefix, (key) => folderEnd(key, prefix.length, SEPARATORS), signal)
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
    groups.push({
      text,
      whole: count === 1,
      count: shown,
      atSeparator: SEPARATORS.some(([byte]) => byte === bytes.at(-1)),
    })
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
  for await (const page of groupStarts(store, prefix, endOf, signal)) {
    for (const start of page) {
      if (starts.length === MAX_GROUPS) return { starts, more: true }
      starts.push({ ...start, count: start.whole ? 1 : undefined })
    }
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
    else starts.push((group = { ...groupStart(key, endOf), count: 1 }))
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

/** Where the character after `from` ends; `undefined`: there is none. */
function characterEnd(key: Uint8Array, from: number): number | undefined {
  if (key.length <= from) return undefined
  let end = from + 1
  while (end < key.length && (key[end]! & 0xc0) === 0x80) end++
  return end
}
