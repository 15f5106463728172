import { checksum as checksumOf } from '../../../blocks/checksum.ts'
import type { Salvaged } from '../../../store/driver/care.ts'
import { INLINE_BYTES } from '../layout/clustered.ts'
import { Owners } from './owners.ts'
import { type Field, INDEX_INTERIOR, INDEX_LEAF, type RawPages, TABLE_INTERIOR, TABLE_LEAF } from './raw-pages.ts'
import type { SavedEntry, SavedStore } from './saved-store.ts'

/** Keys of lost entries that are named at most; the rest is only counted. */
const NAMED = 1000

/** Pages read between two pauses. */
const PAUSE_PAGES = 500

/** Columns of an entry in both formats, and of a long value, a row of the index of keys of format 1. */
const ENTRY_COLUMNS = 6
const PAIR_COLUMNS = 2

/**
 * Saves the entries of a file, whichever its format. All leaves of tables are read first: they are entries of format 1, or long
 * values of format 2. Then those of indexes, also what lies in pages that lead to others: keys of format 1, which tell what
 * is lost, or entries of format 2. Where no format is known any more, each row is taken for what it looks like.
 */
export async function recover(
  pages: RawPages,
  saved: SavedStore,
  pause: (page: number) => Promise<void>,
): Promise<Salvaged> {
  const free = pages.freePages()
  const owners = new Owners(pages)
  const types = new Uint8Array(pages.count + 1)
  const led = {
    table: owners.roots('kv').table,
    index: owners.roots('kv').index,
    entry: owners.roots('kv_entry').table,
  }
  // Rows of tables, and entries of format 2.
  let unreadable = 0
  let unreadableEntries = 0
  // Pages of entries of format 2 that may have held more.
  let partlyUnknown = 0
  let isClustered = led.entry.length > 0
  for (let n = 1; n <= pages.count; n++) {
    if (n % PAUSE_PAGES === 0) await pause(n)
    const page = pages.page(n)
    if (free.has(n)) continue
    types[n] = page[0]!
    if (page[0] === TABLE_INTERIOR) led.table.push(...pages.children(page))
    if (page[0] === INDEX_INTERIOR) {
      led.index.push(...pages.children(page))
      if (owners.mayBeOf(n, 'table', 'kv_entry')) led.entry.push(...pages.children(page))
    }
    if (page[0] !== TABLE_LEAF) continue
    for (const { id, fields, cell } of pages.rows(page, TABLE_LEAF, () => unreadable++)) {
      const [none, key, revision, expires, sum, value] = fields
      if (none !== null) continue
      if (
        fields.length === PAIR_COLUMNS &&
        isBytes(key) &&
        key.length > INLINE_BYTES &&
        owners.mayBeOf(n, 'table', 'kv_long')
      )
        saved.notePlace(id, n, cell)
      if (fields.length !== ENTRY_COLUMNS || !owners.mayBeOf(n, 'table', 'kv')) continue
      const entry = entryOf(key, revision, expires, sum, value)
      if (entry !== undefined) saved.put(entry)
    }
  }
  for (let n = 1; n <= pages.count; n++) {
    if (n % PAUSE_PAGES === 0) await pause(pages.count + n)
    const page = pages.page(n)
    const type = page[0]!
    if ((type !== INDEX_LEAF && type !== INDEX_INTERIOR) || free.has(n)) continue
    const countLost = (): void => void (owners.mayBeOf(n, 'table', 'kv_entry') && unreadableEntries++)
    let entries = 0
    for (const { fields } of pages.rows(page, type, countLost)) {
      const [key, revision, expires, sum, long, value] = fields
      const isEntry = isBytes(key) && key.length > 0 && fields.length === ENTRY_COLUMNS
      if (!isEntry && owners.isOf(n, 'table', 'kv_entry')) unreadableEntries++
      if (!isBytes(key) || key.length === 0) continue
      if (fields.length === PAIR_COLUMNS && typeof revision === 'number' && owners.mayBeOf(n, 'index', 'kv'))
        saved.noteKey(key)
      if (!isEntry || !owners.mayBeOf(n, 'table', 'kv_entry')) continue
      isClustered = true
      entries++
      const entry =
        typeof long === 'number'
          ? withLong(pages, saved, long, (found) => entryOf(key, revision, expires, sum, found))
          : entryOf(key, revision, expires, sum, value)
      if (entry !== undefined) saved.put(entry)
      else saved.noteKey(key)
    }
    const isOfEntries = entries > 0 || owners.isOf(n, 'table', 'kv_entry')
    if (isOfEntries && !pages.isWhole(page, type)) partlyUnknown++
  }
  const { entries, lost, lostKeys } = saved.finish(NAMED)
  const gone = (numbers: readonly number[], ...sound: number[]): number =>
    [...new Set(numbers)].filter((n) => !sound.includes(types[n] ?? 0)).length
  if (isClustered) {
    const unknownPages = gone(led.entry, INDEX_LEAF, INDEX_INTERIOR) + partlyUnknown
    return { entries, lost: lost + unreadableEntries, lostKeys, unknownPages }
  }
  // A whole index names all that its table has lost.
  const isIndexWhole = gone(led.index, INDEX_LEAF, INDEX_INTERIOR) === 0
  const unknownPages = isIndexWhole ? 0 : gone(led.table, TABLE_LEAF, TABLE_INTERIOR)
  return { entries, lost: Math.max(lost, unreadable), lostKeys, unknownPages }
}

/**
 * The entry that a long value of a number makes. A checksum tells which, where pages that are used no more have others of the
 * same number; without one there must be no other.
 */
function withLong(
  pages: RawPages,
  saved: SavedStore,
  id: number,
  entry: (value: Field | undefined) => SavedEntry | undefined,
): SavedEntry | undefined {
  const found: SavedEntry[] = []
  for (const [page, cell] of saved.placesOf(id)) {
    const one = entry(pages.row(page, cell)?.fields[1])
    if (one === undefined) continue
    if (one.checksum !== null) return one
    found.push(one)
  }
  return found.length === 1 ? found[0] : undefined
}

/** An entry of the columns of a row; `undefined` for a row of another table, or one that does not match its checksum. */
function entryOf(
  key: Field | undefined,
  revision: Field | undefined,
  expires: Field | undefined,
  sum: Field | undefined,
  value: Field | undefined,
): SavedEntry | undefined {
  if (!isBytes(key) || key.length === 0 || !isBytes(value) || typeof revision !== 'number') return undefined
  if ((expires !== null && typeof expires !== 'number') || (sum !== null && typeof sum !== 'number')) return undefined
  if (sum !== null && sum !== checksumOf(key, value, expires ?? undefined)) return undefined
  return { key, value, revision, expires, checksum: sum }
}

function isBytes(field: Field | undefined): field is Uint8Array {
  return field instanceof Uint8Array
}
