import type { Entry, Head } from '../../store/driver.ts'
import type { Database } from './database.ts'
import type { SqlValue } from './engine.ts'
import { damagedRow } from './errors.ts'
import { EXPIRES, entryOf } from './range.ts'

type EntryRow = [key: SqlValue, value: SqlValue, revision: SqlValue, expires: SqlValue]
type HeadRow = [revision: SqlValue, expires: SqlValue, type: SqlValue, length: SqlValue, checksum: SqlValue]

/** The entry of a key that has not expired by `now`. Throws where damage has given its columns other types. */
export function liveEntry(database: Database, key: Uint8Array, now: number): Entry | undefined {
  const row = database.statement(`select key, value, revision, ${EXPIRES} from kv where key = ?`).get(key) as EntryRow | undefined
  if (row === undefined) return undefined
  const entry = entryOf(...row)
  return entry.expires !== undefined && entry.expires <= now ? undefined : entry
}

/** The same without its value: the engine tells type and length from the head of the row, and reads no further. */
export function liveHead(database: Database, key: Uint8Array, now: number): Head | undefined {
  const row = database.statement(`select revision, ${EXPIRES}, typeof(value), length(value), checksum from kv where key = ?`).get(key) as HeadRow | undefined
  if (row === undefined) return undefined
  const [revision, expires, type, valueBytes, sum] = row
  if (type !== 'blob' || typeof revision !== 'number' || typeof valueBytes !== 'number' || (expires !== null && typeof expires !== 'number')) throw damagedRow()
  if (expires !== null && expires <= now) return undefined
  const head = { revision, expires: expires ?? undefined, valueBytes }
  return typeof sum === 'number' ? { ...head, checksum: sum } : head
}

/** Whether a key has this value; one of another length is not read. */
export function hasValue(database: Database, key: Uint8Array, value: Uint8Array): boolean {
  const row = database.statement('select value = ?2 from kv where key = ?1 and length(value) = length(?2)').get(key, value) as [number] | undefined
  return row?.[0] === 1
}
