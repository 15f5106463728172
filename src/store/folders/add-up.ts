import { compareBytes } from '../../bytes.ts'
import { interrupted } from '../../errors.ts'
import type { Usage, UsageProgress, UsageQuery } from '../driver/usage.ts'
import { folderEnd, startsWith } from './folder.ts'

/** The innermost folder of a key that a query tells apart: where it ends, the end of the prefix for none, and its level. */
export function innermostFolder(
  key: Uint8Array,
  { prefix, delimiters, depth }: UsageQuery,
): { end: number; level: number } {
  let end = prefix.length
  for (let level = 0; level < depth; level++) {
    const next = folderEnd(key, end, delimiters)
    if (next === undefined) return { end, level }
    end = next
  }
  return { end, level: depth }
}

/** Some keys that lie next to each other: one by itself, or those of which `name` is the innermost folder. */
export interface UsagePart {
  readonly isKey: boolean
  readonly name: Uint8Array
  readonly keys: number
  readonly bytes: number
}

/** The parts that keys with their bytes, in order, make. */
export function partsOf(keys: Iterable<readonly [key: Uint8Array, bytes: number]>, query: UsageQuery): UsagePart[] {
  const parts: UsagePart[] = []
  for (const [key, bytes] of keys) {
    const { end, level } = innermostFolder(key, query)
    if (level === 0 && query.keys) {
      parts.push({ isKey: true, name: key, keys: 1, bytes })
      continue
    }
    const name = key.subarray(0, end)
    const last = parts.at(-1)
    if (last?.isKey === false && compareBytes(last.name, name) === 0)
      parts[parts.length - 1] = { ...last, keys: last.keys + 1, bytes: last.bytes + bytes }
    else parts.push({ isKey: false, name, keys: 1, bytes })
  }
  return parts
}

/**
 * What parts come to: keys and folders in key order, each folder after what lies in it, or the biggest first, and the
 * total. Parts come in pages in key order, within a page in the order of their names, so that what lies in a folder itself
 * may come before or after what lies in folders within it. No page is empty. Throws
 * `KV_INTERRUPTED` between two pages.
 */
export async function* usageOf(
  pages: AsyncIterable<readonly UsagePart[]> | Iterable<readonly UsagePart[]>,
  query: UsageQuery,
  { onProgress, signal }: UsageProgress = {},
): AsyncGenerator<Usage[], void, void> {
  const folders = new OpenFolders(query)
  const biggest = query.top === undefined ? undefined : new Biggest(query.top)
  for await (const parts of pages) {
    if (signal?.aborted) throw interrupted(signal)
    for (const part of parts) folders.add(part)
    onProgress?.(folders.keysSeen)
    const closed = folders.take()
    if (biggest !== undefined) biggest.add(closed)
    else if (closed.length > 0) yield closed
  }
  const total = folders.end()
  const rest = folders.take()
  if (biggest === undefined) return yield [...rest, total]
  biggest.add(rest)
  yield [...biggest.inOrder(), total]
}

/** A folder that may go on. */
interface OpenFolder {
  readonly name: Uint8Array
  keys: number
  bytes: number
}

/** Adds parts up to folders, and these to the folders they lie in. */
class OpenFolders {
  readonly #delimiters: readonly Uint8Array[]
  /** The total, and the folders in each other in which the newest part lies. */
  readonly #open: [OpenFolder, ...OpenFolder[]]
  #closed: Usage[] = []
  /** Keys of all parts so far. */
  keysSeen = 0

  constructor({ prefix, delimiters }: UsageQuery) {
    this.#delimiters = delimiters
    this.#open = [{ name: prefix, keys: 0, bytes: 0 }]
  }

  add({ isKey, name, keys, bytes }: UsagePart): void {
    this.keysSeen += keys
    const outer = isKey ? undefined : this.#open.find((open) => compareBytes(open.name, name) === 0)
    if (outer !== undefined) return addTo(outer, keys, bytes)
    while (!startsWith(name, this.#innermost.name)) this.#close()
    if (isKey) this.#closed.push({ type: 'key', name, keys, bytes })
    else {
      while (this.#innermost.name.length < name.length) {
        const end = folderEnd(name, this.#innermost.name.length, this.#delimiters)
        this.#open.push({ name: Buffer.from(name.subarray(0, end)), keys: 0, bytes: 0 })
      }
    }
    addTo(this.#innermost, keys, bytes)
  }

  /** Closes every folder. */
  end(): Usage {
    while (this.#open.length > 1) this.#close()
    return { type: 'total', ...this.#open[0] }
  }

  /** What was closed since the last call. */
  take(): Usage[] {
    return this.#closed.splice(0)
  }

  get #innermost(): OpenFolder {
    return this.#open.at(-1)!
  }

  #close(): void {
    const folder = this.#open.pop()!
    this.#closed.push({ type: 'folder', ...folder })
    addTo(this.#innermost, folder.keys, folder.bytes)
  }
}

function addTo(folder: OpenFolder, keys: number, bytes: number): void {
  folder.keys += keys
  folder.bytes += bytes
}

/** Items kept beyond those that are wanted, before the smallest are dropped. */
const SPARE = 10_000

/** Keeps the biggest of many items. */
class Biggest {
  readonly #top: number
  #items: Usage[] = []

  constructor(top: number) {
    this.#top = top
  }

  add(items: readonly Usage[]): void {
    for (const item of items) this.#items.push(item)
    if (this.#items.length > this.#top + SPARE) this.#items = this.inOrder()
  }

  /** The biggest first, of equal ones in key order. */
  inOrder(): Usage[] {
    return this.#items.sort((a, b) => b.bytes - a.bytes || compareBytes(a.name, b.name)).slice(0, this.#top)
  }
}
