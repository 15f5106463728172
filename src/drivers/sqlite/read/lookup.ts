import type { Clock } from '../../../store/driver/driver.ts'
import type { Entry, Head } from '../../../store/driver/entry.ts'
import type { Connection } from '../file/connection.ts'
import type { SqlValue } from '../engine/engine.ts'
import { damagedRow } from '../engine/result-codes.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import { ROWS } from '../layout/rows.ts'
import { EXPIRES, type EntryRow, LONG_VALUE, entryOf } from './range.ts'

type HeadRow = [revision: SqlValue, expires: SqlValue, type: SqlValue, length: SqlValue, checksum: SqlValue]

const REVISION = `select revision, ${EXPIRES} from kv where key = ?`
const EXPIRY = `select ${EXPIRES} from kv where key = ?`

/**
 * Texts made once: one put together for each read takes longer to look up. They join the long values, since of what a
 * subquery gives, as in the view, the engine makes one more copy.
 */
function lookupSql({ withValues: { from, value, length, type } }: Layout) {
  return {
    value: `select ${value}, ${EXPIRES} from ${from} where key = ?`,
    entry: `select key, ${value}, revision, ${EXPIRES} from ${from} where key = ?`,
    entryWithoutLongValue: `select key, iif(${length} > ${LONG_VALUE}, null, ${value}), revision, ${EXPIRES} from ${from} where key = ?`,
    head: `select revision, ${EXPIRES}, ${type}, ${length}, checksum from ${from} where key = ?`,
    hasValue: `select ${value} = ?2 from ${from} where key = ?1 and ${length} = length(?2)`,
  }
}

const IN_ROWS = lookupSql(ROWS)
const IN_CLUSTERED = lookupSql(CLUSTERED)

function sqlOf({ layout }: Connection): ReturnType<typeof lookupSql> {
  return layout === CLUSTERED ? IN_CLUSTERED : IN_ROWS
}

/** The value of a key that has not expired. Throws where damage has given it another type. */
export function liveValue(connection: Connection, key: Uint8Array, now: Clock): Uint8Array | undefined {
  const row = connection.statement(sqlOf(connection).value).get(key) as
    | [value: SqlValue, expires: number | null]
    | undefined
  if (row === undefined || (row[1] !== null && row[1] <= now())) return undefined
  if (!(row[0] instanceof Uint8Array)) throw damagedRow()
  return row[0]
}

/** The entry of a key that has not expired by `now`. Throws where damage has given its columns other types. */
export function liveEntry(connection: Connection, key: Uint8Array, now: number): Entry | undefined {
  const row = connection.statement(sqlOf(connection).entry).get(key) as EntryRow | undefined
  return row && live(entryOf(...row), now)
}

/** The same; `takes` gets the length of key and value, before a long value is read. Throws what it throws. */
export function liveEntryWithin(
  connection: Connection,
  key: Uint8Array,
  now: number,
  takes: (bytes: number) => void,
): Entry | undefined {
  const row = connection.statement(sqlOf(connection).entryWithoutLongValue).get(key) as EntryRow | undefined
  if (row === undefined) return undefined
  if (row[1] !== null) {
    const entry = live(entryOf(...row), now)
    if (entry !== undefined) takes(entry.key.length + entry.value.length)
    return entry
  }
  const head = liveHead(connection, key, now)
  if (head === undefined) return undefined
  takes(key.length + head.valueBytes)
  return liveEntry(connection, key, now)
}

function live(entry: Entry, now: number): Entry | undefined {
  return entry.expires !== undefined && entry.expires <= now ? undefined : entry
}

/** The same without its value: the engine tells type and length from the head of the row, and reads no further. */
export function liveHead(connection: Connection, key: Uint8Array, now: number): Head | undefined {
  const row = connection.statement(sqlOf(connection).head).get(key) as HeadRow | undefined
  if (row === undefined) return undefined
  const [revision, expires, type, valueBytes, sum] = row
  if (
    type !== 'blob' ||
    typeof revision !== 'number' ||
    typeof valueBytes !== 'number' ||
    (expires !== null && typeof expires !== 'number')
  )
    throw damagedRow()
  if (expires !== null && expires <= now) return undefined
  return { revision, expires: expires ?? undefined, valueBytes, checksum: typeof sum === 'number' ? sum : undefined }
}

/** The revision of a key that has not expired by `now`: of what is known of an entry the part that is read quickest. */
export function liveRevision(connection: Connection, key: Uint8Array, now: number): Pick<Head, 'revision'> | undefined {
  const row = connection.statement(REVISION).get(key) as [SqlValue, SqlValue] | undefined
  if (row === undefined) return undefined
  const [revision, expires] = row
  if (typeof revision !== 'number' || (expires !== null && typeof expires !== 'number')) throw damagedRow()
  return expires !== null && expires <= now ? undefined : { revision }
}

/** Whether a key is there and has not expired by `now`. */
export function isLive(connection: Connection, key: Uint8Array, now: number): boolean {
  const row = connection.statement(EXPIRY).get(key) as [SqlValue] | undefined
  return row !== undefined && (row[0] === null || (row[0] as number) > now)
}

/** Whether a key has this value; one of another length is not read. */
export function hasValue(connection: Connection, key: Uint8Array, value: Uint8Array): boolean {
  const row = connection.statement(sqlOf(connection).hasValue).get(key, value) as [number] | undefined
  return row?.[0] === 1
}
