import {
  type CurrentVersion,
  type EndedVersion,
  type Place,
  type Timeline,
  noHistory,
  placeAt,
  versionsOf,
} from '../../kit/timeline.ts'
import { KvError } from '../../../errors.ts'
import type { Entry } from '../../../store/driver/entry.ts'
import type { HistoryStatus, Moment, Version } from '../../../store/driver/history.ts'
import { LATEST_EXPIRY } from '../../../store/expiry.ts'
import { damagedRow } from '../engine/result-codes.ts'
import type { SqlValue } from '../engine/engine.ts'
import type { Connection } from '../file/connection.ts'
import { hasHistory } from './note-write.ts'
import { historySize } from './size.ts'
import { missingHistory } from './tables.ts'

/** Bytes of a page of versions, and those of a version besides its value. */
const PAGE_BYTES = 1 << 20
const VERSION_BYTES = 200

export { noHistory }

/** A version that has ended, and the row that holds it. */
interface StoredVersion extends EndedVersion {
  readonly id: number
}

type Row = [
  id: number,
  isThere: number,
  revision: number | null,
  expires: number | null,
  began: number | null,
  ended: number,
  endedRevision: number,
]

/** What is kept. */
export function statusOf(connection: Connection): HistoryStatus {
  if (!hasHistory(connection)) return { keep: 0, since: undefined, versions: 0, bytes: 0 }
  checkParts(connection)
  const [revision, time] = connection.statement('select revision, time from kv_history_state').get() as [number, number]
  return { ...historySize(connection), since: { revision, time } }
}

/** All that is known of a key. Throws `KV_HISTORY_GAP` where no history is kept. */
function timelineOf(connection: Connection, key: Uint8Array, now: number): Timeline<StoredVersion> {
  if (!hasHistory(connection)) throw noHistory()
  checkParts(connection)
  const rows = connection
    .statement(
      `select id, typeof(value) = 'blob', revision, min(expires, ${LATEST_EXPIRY}), began, ended, ended_revision
        from kv_history where key = ? order by ended, id`,
    )
    .all(key) as Row[]
  const [sinceRevision, time, revision] = connection
    .statement('select revision, time, (select max(revision) from kv_store) from kv_history_state')
    .get() as [number, number, number]
  const current = connection
    .statement(`select revision, min(expires, ${LATEST_EXPIRY}) from kv where key = ?`)
    .get(key) as [number, number | null] | undefined
  return {
    key,
    since: { revision: sinceRevision, time },
    ended: rows.map(([id, isThere, made, expires, began, ended, endedRevision]) => ({
      id,
      isThere: isThere === 1,
      revision: made ?? 0,
      expires: expires ?? undefined,
      began: began ?? undefined,
      ended,
      endedRevision,
    })),
    current: current && currentOf(current),
    now,
    revision,
  }
}

function currentOf([revision, expires]: [number, number | null]): CurrentVersion {
  return { revision, expires: expires ?? undefined }
}

/** The entry in a place of the timeline of a key. Throws where damage has given its columns other types. */
function entryIn(connection: Connection, key: Uint8Array, place: Place<StoredVersion>): Entry {
  const columns = `key, value, revision, min(expires, ${LATEST_EXPIRY})`
  const row =
    place === 'current'
      ? connection.statement(`select ${columns} from kv where key = ?`).get(key)
      : connection.statement(`select ${columns} from kv_history where id = ?`).get(place.id)
  if (row === undefined) throw damagedRow()
  const [stored, value, revision, expires] = row as [SqlValue, SqlValue, SqlValue, SqlValue]
  const isSound =
    stored instanceof Uint8Array &&
    value instanceof Uint8Array &&
    typeof revision === 'number' &&
    (expires === null || typeof expires === 'number')
  if (!isSound) throw damagedRow()
  return { key: stored, value, revision, expires: expires ?? undefined }
}

/** The entry of a key at a moment; throws as `History.at`. Of one snapshot when the caller holds a transaction, as the next. */
export function entryAt(connection: Connection, key: Uint8Array, moment: Moment, now: number): Entry | undefined {
  const place = placeAt(timelineOf(connection, key, now), moment)
  return place && entryIn(connection, key, place)
}

/** The newest versions of a key in pages. Throws `KV_HISTORY_GAP` where no history is kept. */
export function* versionPages(
  connection: Connection,
  key: Uint8Array,
  limit: number,
  now: number,
): Generator<Version[], void, void> {
  const versions = versionsOf(timelineOf(connection, key, now)).slice(0, limit)
  let page: Version[] = []
  let bytes = 0
  for (const version of versions) {
    if (version.type === 'put') {
      const entry = entryIn(connection, key, version.place)
      page.push({ type: 'put', time: version.time, ...entry })
      bytes += entry.value.length
    } else page.push({ ...version, key: new Uint8Array(key) })
    bytes += VERSION_BYTES + key.length
    if (bytes < PAGE_BYTES) continue
    yield page
    page = []
    bytes = 0
  }
  if (page.length > 0) yield page
}

/** Throws `KV_CORRUPT` when a part is missing: changes since may not have been noted. */
function checkParts(connection: Connection): void {
  const missing = missingHistory(connection)
  if (missing.length > 0)
    throw new KvError('KV_CORRUPT', `the history of this store has lost a part: ${missing.join(', ')}`, {
      hint: 'end it and begin another: kv history off --yes && kv history on',
    })
}
