import { type Stats, closeSync, fstatSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { turn } from '../../../async.ts'
import { checksum } from '../../../blocks/checksum.ts'
import { KvError, interrupted, usageError } from '../../../errors.ts'
import type { BackupOptions, Salvaged } from '../../../store/driver/care.ts'
import { kvFor } from '../../../shell-quote.ts'
import { RECOUNT, boundSql } from '../bound/bound.ts'
import { sqliteEngine } from '../engine/engine.ts'
import { emptyStoreSql, removeTemporary } from '../file/create.ts'
import { placeFile, replaceFile } from '../file/place-file.ts'
import { MARK_COPY } from '../file/schema.ts'
import type { StoreFile } from '../file/store-file.ts'
import { openForReading } from '../format/read-file.ts'
import { pageAt } from '../format/store-page.ts'
import { temporaryName } from '../format/temporary-names.ts'
import { closeWhenFree, openBeside } from '../locks/posix-locks.ts'
import { fileOf, noStore } from './backup.ts'
import { toCopyError, withDatabase } from './copy-file.ts'
import { checkDestination, isStore } from './destination.ts'
import { type Field, INDEX_INTERIOR, INDEX_LEAF, RawPages, TABLE_INTERIOR, TABLE_LEAF } from './raw-pages.ts'

/** Keys of lost entries that are named at most; the rest is only counted. */
const NAMED = 1000

/** Pages read between two turns of the event loop. */
const PAUSE_PAGES = 500

/** The size of pages that kv makes. */
const PAGE_SIZE = 8192

const INSERT = `insert into kv(key, value, revision, expires, checksum) values (?, ?, ?, ?, ?) on conflict (key) do update set
  value = excluded.value, revision = excluded.revision, expires = excluded.expires, checksum = excluded.checksum
  where excluded.revision > kv.revision`

/** Writes what can be read of the file of a store into a new one, see `Care`. */
export async function salvage(
  file: StoreFile,
  destination: string,
  { force = false, onProgress, signal }: BackupOptions,
): Promise<Salvaged> {
  const { path } = file
  const to = fileOf(destination)
  const isTaken = checkDestination(path, to, force)
  const temporary = join(dirname(to), temporaryName())
  const fd = openStore(path)
  const log = openIfThere(`${path}-wal`)
  try {
    const size = fstatSync(fd).size
    const pages = new RawPages(fd, log, size, pageSizeOf(fd))
    closeSync(openSync(temporary, 'wx', 0o600))
    withDatabase(temporary, (database) => database.exec(`pragma synchronous = off; ${emptyStoreSql()}`))
    const result = await recover(pages, temporary, async (page) => {
      onProgress?.(page * pages.pageSize, 2 * pages.count * pages.pageSize)
      await turn()
      if (signal?.aborted) throw interrupted(signal)
    })
    if (result.entries === 0) throw nothingThere(path, fstatSync(fd))
    // Only where that is asked for: it may have entries go.
    const maxEntries = file.options.anyBound ? undefined : file.options.maxEntries
    if (maxEntries !== undefined)
      withDatabase(temporary, (database) => database.exec(`${boundSql(maxEntries)} ${RECOUNT}`))
    withDatabase(temporary, (database) =>
      database.exec(`pragma synchronous = off; pragma journal_mode = wal; ${MARK_COPY}`),
    )
    if (isTaken) replaceFile(temporary, to)
    else if (!placeFile(temporary, to)) throw usageError(`${to} has been made meanwhile`)
    return { ...result, entries: Math.min(result.entries, maxEntries ?? Infinity) }
  } catch (error) {
    throw toCopyError(error, path, to)
  } finally {
    closeWhenFree(fd)
    if (log !== undefined) closeSync(log)
    removeTemporary(temporary)
  }
}

/** Reads all leaves of the table, then the index of the keys, which tells what is lost. */
async function recover(pages: RawPages, to: string, pause: (page: number) => Promise<void>): Promise<Salvaged> {
  const free = pages.freePages()
  const database = new (sqliteEngine().DatabaseSync)(to)
  let unreadable = 0
  let lost = 0
  const lostKeys: Uint8Array[] = []
  const types = new Uint8Array(pages.count + 1)
  const roots = pages.roots('kv')
  const led = { table: new Set(roots.table), index: new Set(roots.index) }
  try {
    database.exec('pragma journal_mode = off; pragma synchronous = off; begin')
    const insert = database.prepare(INSERT)
    const has = database.prepare('select 1 from kv where key = ?')
    for (let n = 1; n <= pages.count; n++) {
      if (n % PAUSE_PAGES === 0) await pause(n)
      const page = pages.page(n)
      if (free.has(n)) continue
      types[n] = page[0]!
      if (page[0] === TABLE_INTERIOR) for (const child of pages.children(page)) led.table.add(child)
      if (page[0] === INDEX_INTERIOR) for (const child of pages.children(page)) led.index.add(child)
      if (page[0] !== TABLE_LEAF) continue
      for (const { fields } of pages.rows(page, TABLE_LEAF, () => unreadable++)) {
        const entry = entryOf(fields)
        if (entry !== undefined) insert.run(...entry)
      }
    }
    for (let n = 1; n <= pages.count; n++) {
      if (n % PAUSE_PAGES === 0) await pause(pages.count + n)
      const page = pages.page(n)
      const type = page[0]!
      if ((type !== INDEX_LEAF && type !== INDEX_INTERIOR) || free.has(n)) continue
      for (const { fields } of pages.rows(page, type, () => {})) {
        const [key, id] = fields
        if (fields.length !== 2 || !(key instanceof Uint8Array) || typeof id !== 'number') continue
        if (has.get(key) !== undefined) continue
        lost++
        if (lostKeys.length < NAMED) lostKeys.push(new Uint8Array(key))
      }
    }
    database.exec('update kv_store set revision = max(revision, (select coalesce(max(revision), 0) from kv)); commit')
    const row = database.prepare('select count(*) as count from kv').get() as { count: number }
    const gone = (pageNumbers: Set<number>, ...sound: number[]): number =>
      [...pageNumbers].filter((n) => !sound.includes(types[n] ?? 0)).length
    // A whole index names all that its table has lost.
    const isIndexWhole = gone(led.index, INDEX_LEAF, INDEX_INTERIOR) === 0
    const unknownPages = isIndexWhole ? 0 : gone(led.table, TABLE_LEAF, TABLE_INTERIOR)
    return { entries: row.count, lost: Math.max(lost, unreadable), lostKeys, unknownPages }
  } finally {
    database.close()
  }
}

/** What a row of `kv` holds, to insert it; `undefined` for one of another table, or that does not match its checksum. */
function entryOf([id, key, revision, expires, sum, value, ...more]: readonly Field[]):
  | [Uint8Array, Uint8Array, number, number | null, number | null]
  | undefined {
  if (id !== null || more.length > 0 || !(key instanceof Uint8Array) || !(value instanceof Uint8Array)) return undefined
  if (typeof revision !== 'number' || key.length === 0) return undefined
  if ((expires !== null && typeof expires !== 'number') || (sum !== null && typeof sum !== 'number')) return undefined
  if (sum !== null && sum !== checksum(key, value, expires ?? undefined)) return undefined
  return [key, value, revision, expires, sum]
}

function nothingThere(path: string, stat: Stats): KvError {
  if (!isStore(path, stat)) return new KvError('KV_FOREIGN', `${path} is not a kv store, and has no entries of one`)
  return new KvError('KV_CORRUPT', `no entry of ${path} can be read`, {
    hint: `restore a backup: ${kvFor(path)} restore FILE`,
  })
}

function openStore(path: string): number {
  try {
    return openBeside(path)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noStore(path) : error
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openForReading(path)
  } catch {
    return undefined
  }
}

/** As the header says, where that is readable. */
function pageSizeOf(fd: number): number {
  const size = pageAt(fd, 1, 100).readUInt16BE(16)
  return size === 1 ? 65_536 : size >= 512 && (size & (size - 1)) === 0 ? size : PAGE_SIZE
}
