import { compareBytes, decodeUtf8, prefixEnd, successor, utf8 } from '../bytes.ts'
import { escapeLine } from '../output/escape.ts'
import type { Store } from '../store/store.ts'
import type { PrefixCounter } from './prefix-counter.ts'

/** What keys are cut at for completion. */
const SEPARATORS = new Set([...':/.'].map((char) => char.charCodeAt(0)))
/** Groups shown; where there are more, keys are grouped by their next character instead. */
const MAX_GROUPS = 100

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

/** The groups of the keys that begin with a text. */
export interface KeyGroups {
  readonly groups: readonly KeyGroup[]
  /** Whether there are more. */
  readonly more: boolean
}

/** The start of a group, and its first key. */
interface Start {
  readonly bytes: Uint8Array
  readonly key: Uint8Array
  /** Whether the key is for itself. */
  readonly whole: boolean
}

interface Starts {
  readonly starts: readonly Start[]
  readonly more: boolean
}

/**
 * Completes keys from the store itself: the first key of each group is found by one seek, and a
 * group is skipped by seeking to its end, so the cost depends on the groups shown and not on the
 * keys of the store; counts come from the index alone.
 */
export class KeyCompleter {
  readonly #counter: PrefixCounter

  constructor(counter: PrefixCounter) {
    this.#counter = counter
  }

  /**
   * The groups of the keys that begin with `start`: up to the next `:`, `/` or `.`, or, where these
   * are too many to show, up to the next character. Keys that are no text are left out.
   */
  async groups(store: Store, start: string): Promise<KeyGroups> {
    const prefix = utf8(start)
    const bySeparator = await this.#collect(store, prefix, (key) => separatorEnd(key, prefix.length))
    if (!bySeparator.more) return this.#counted(store, bySeparator)
    const common = await this.#common(store, prefix)
    const byCharacter = await this.#collect(store, common, (key) => characterEnd(key, common.length))
    return this.#counted(store, byCharacter)
  }

  async #collect(store: Store, prefix: Uint8Array, endOf: (key: Uint8Array) => number | undefined): Promise<Starts> {
    const starts: Start[] = []
    const stop = prefixEnd(prefix)
    for (let from: Uint8Array | undefined = prefix; from !== undefined; ) {
      if (stop !== undefined && compareBytes(from, stop) >= 0) break
      const key: Uint8Array | undefined = await firstKey(store, from, stop)
      if (key === undefined) break
      if (starts.length === MAX_GROUPS) return { starts, more: true }
      const end = endOf(key)
      const start: Start = { bytes: key.subarray(0, end), key, whole: end === undefined }
      starts.push(start)
      from = start.whole ? successor(key) : prefixEnd(start.bytes)
    }
    return { starts, more: false }
  }

  async #counted(store: Store, { starts, more }: Starts): Promise<KeyGroups> {
    const groups: KeyGroup[] = []
    for (const { bytes, key, whole } of starts) {
      const { count, shown } = whole ? { count: 1, shown: '1' } : await this.#counter.prefix(store, bytes)
      const text = decodeUtf8(count === 1 ? key : bytes)
      if (text === undefined) continue
      groups.push({ text, whole: count === 1, count: shown, atSeparator: SEPARATORS.has(bytes.at(-1)!) })
    }
    return { groups, more }
  }

  /** The longest start that all keys beginning with `prefix` share, cut between characters. */
  async #common(store: Store, prefix: Uint8Array): Promise<Uint8Array> {
    const first = await firstKey(store, prefix, prefixEnd(prefix))
    let last: Uint8Array | undefined
    for await (const page of store.rangePages({ prefix, reverse: true, limit: 1, keysOnly: true })) last = page[0]!.key
    if (first === undefined || last === undefined) return prefix
    let length = prefix.length
    while (length < first.length && first[length] === last[length]) length++
    while (length > prefix.length && (first[length]! & 0xc0) === 0x80) length--
    return first.subarray(0, length)
  }
}

/** A key as the user sees it in a list. */
export function keyLabel(group: KeyGroup): string {
  return `${escapeLine(group.text)}${group.whole || group.atSeparator ? '' : '…'}`
}

async function firstKey(store: Store, from: Uint8Array, stop: Uint8Array | undefined): Promise<Uint8Array | undefined> {
  for await (const page of store.rangePages({ gte: from, lt: stop, limit: 1, keysOnly: true })) return page[0]!.key
  return undefined
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
