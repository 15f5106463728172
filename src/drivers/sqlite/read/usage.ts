import { compareBytes, prefixEnd } from '../../../bytes.ts'
import type { UsageQuery } from '../../../store/driver/usage.ts'
import { type UsagePart, innermostFolder, partsOf } from '../../../store/folders/add-up.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'
import type { Connection } from '../file/connection.ts'
import { LIMIT, keyAt, rangeSql } from './range.ts'

/** Keys that are added up at a time: few enough to be sorted in memory, even the longest. */
const SLICE_KEYS = 4000

/** Folders of a slice at most for it to be added up one by one. */
const LARGE_FOLDERS = 64

/** Levels of folders that SQL tells apart; with more, JavaScript does. */
const SQL_DEPTH = 6

/** More than the length of any key. */
const NEVER = 2 ** 31

const LIVE = '(expires is null or expires > ?)'

/** Where to read entries from, and the bytes of one: the length of a value is known without reading it. */
function sized(connection: Connection): { from: string; bytes: string } {
  const { from, length } = connection.layout.withValues
  return { from, bytes: `length(key) + ${length}` }
}

/** A part of the keys of a store. */
type Slice = Pick<UsageQuery, 'start' | 'end'>

/**
 * The parts of a query, a slice of its keys at a time, perhaps none; of one snapshot when the caller holds a transaction.
 */
export function* usageParts(
  connection: Connection,
  query: UsageQuery,
  now: number,
): Generator<UsagePart[], void, void> {
  const { end, depth, keys, top } = query
  let areLarge = true
  for (let start = keyAt(connection, query, 0); start !== undefined;) {
    const next = keyAt(connection, { start, end }, SLICE_KEYS)
    const slice = { start, end: next ?? end }
    if (depth === 0 && keys) {
      yield top === undefined
        ? partsOf(sizes(connection, slice, now), query)
        : biggest(connection, slice, query, top, now)
    } else {
      const parts: UsagePart[] = areLarge
        ? oneByOne(connection, slice, query, now)
        : grouped(connection, slice, query, now)
      areLarge = parts.length <= LARGE_FOLDERS
      yield parts
    }
    start = next
  }
}

/** The same, where folders are large: each is only added up, which takes a fifth of the time. */
function oneByOne(
  connection: Connection,
  slice: Slice & { readonly start: Uint8Array },
  query: UsageQuery,
  now: number,
): UsagePart[] {
  const parts: UsagePart[] = []
  for (let start: Uint8Array | undefined = slice.start; start !== undefined;) {
    const { end, level } = innermostFolder(start, query)
    const mayHaveFolders = level < query.depth || (level === 0 && query.keys)
    if (mayHaveFolders || parts.length === LARGE_FOLDERS)
      return [...parts, ...grouped(connection, { start, end: slice.end }, query, now)]
    const name = start.subarray(0, end)
    const after = prefixEnd(name)
    const isLast = after === undefined || (slice.end !== undefined && compareBytes(after, slice.end) >= 0)
    parts.push(...sum(connection, { start, end: isLast ? slice.end : after }, name, now))
    start = isLast ? undefined : keyAt(connection, { start: after, end: slice.end }, 0)
  }
  return parts
}

function sum(connection: Connection, slice: Slice, name: Uint8Array, now: number): UsagePart[] {
  const { where, bounds } = rangeSql(slice)
  const { from, bytes: size } = sized(connection)
  const sql = `select count(*), coalesce(sum(${size}), 0) from ${from} ${where} and ${LIVE}`
  const [keys, bytes] = connection.statement(sql).get(...bounds, now) as [number, number]
  return keys === 0 ? [] : [{ isKey: false, name, keys, bytes }]
}

/** Each key with its bytes. */
function sizes(connection: Connection, slice: Slice, now: number): [key: Uint8Array, bytes: number][] {
  const { where, bounds } = rangeSql(slice)
  const { from, bytes: size } = sized(connection)
  const sql = `select key, ${size} from ${from} ${where} and ${LIVE} order by key`
  const rows = connection.statement(sql).all(...bounds, now) as [SqlValue, number][]
  return rows.map(([key, bytes]) => [bytesOf(key), bytes])
}

/** The biggest keys one by one, and the others together. */
function biggest(connection: Connection, slice: Slice, { prefix }: UsageQuery, top: number, now: number): UsagePart[] {
  const { where, bounds } = rangeSql(slice)
  const { from, bytes: size } = sized(connection)
  const sql = `select key, ${size} as bytes from ${from} ${where} and ${LIVE} order by bytes desc, key ${LIMIT}`
  const rows = connection.statement(sql).all(...bounds, now, Math.min(top, SLICE_KEYS)) as [SqlValue, number][]
  const parts = rows.map(([key, bytes]) => ({ isKey: true, name: bytesOf(key), keys: 1, bytes }))
  const others = sum(connection, slice, prefix, now).map((all) => ({
    ...all,
    keys: all.keys - parts.length,
    bytes: parts.reduce((left, { bytes }) => left - bytes, all.bytes),
  }))
  return [...parts, ...others]
}

/** The keys of a slice by the innermost folder that they lie in. */
function grouped(connection: Connection, slice: Slice, query: UsageQuery, now: number): UsagePart[] {
  const { prefix, delimiters, depth, keys } = query
  if (depth > SQL_DEPTH) return partsOf(sizes(connection, slice, now), query)
  const { where, bounds } = rangeSql(slice)
  // `at` is where the prefix ends, and from level to level where the folder does. Without a limit the engine would put
  // the expression of each level several times into that of the next.
  const { from, bytes: size } = sized(connection)
  let sql = `select key, ${size} as bytes, cast(? as integer) as least, cast(? as integer) as at
    from ${from} ${where} and ${LIVE} limit -1`
  const parameters: SqlValue[] = [prefix.length, prefix.length, ...bounds, now]
  const found = delimiters.map(() => `ifnull(nullif(instr(substr(key, at + 1), ?), 0), ${NEVER})`)
  const first = found.length === 1 ? found[0] : `min(${found.join(', ')})`
  for (let level = 0; level < depth; level++) {
    const beyond = `coalesce(nullif(${first}, ${NEVER}) + ${delimiters[0]!.length - 1}, 0)`
    sql = `select key, bytes, least, at + ${beyond} as at from (${sql}) limit -1`
    parameters.unshift(...delimiters)
  }
  // Of an empty blob, which another tool may have made a key, substr makes null.
  const folder = "ifnull(substr(key, 1, at), x'')"
  const name = keys ? `iif(at = least, key, ${folder})` : folder
  const all = `select ${name} as name, count(*), sum(bytes), max(at = least) from (${sql}) group by name`
  const rows = connection.statement(all).all(...parameters) as [SqlValue, number, number, number][]
  return rows.map(([name, count, bytes, isOutside]) => ({
    isKey: keys && isOutside === 1,
    name: bytesOf(name),
    keys: count,
    bytes,
  }))
}

function bytesOf(key: SqlValue): Uint8Array {
  if (key instanceof Uint8Array) return key
  throw damagedRow()
}
