/** A page of JSON Lines: where it begins and ends, and its text as the engine makes it. */
import { isUtf8 } from 'node:buffer'
import type { RangeQuery } from '../../../store/driver.ts'
import type { Connection, ConnectionOptions } from '../file/connection.ts'
import { LONG_VALUE, rangeSql } from '../read/range.ts'

/** A store from this size on is large, in bytes. */
const LARGE_BYTES = 1 << 26

/**
 * Cache while a long range of such a store is read, in KiB: where the rows lie in order each page is
 * read once, where they do not no cache is large enough, and memory is not for nothing (on a virtual
 * machine a page of it can take longer to get than a page of the file).
 */
const SCAN_CACHE_KIB = 1024

/** A part of a range whose text is made at once. */
export type TextPage = Pick<RangeQuery, 'start' | 'end'>

/** What came of a page: how many entries it has, and their lines. */
export interface PageText {
  readonly count: number
  /** `undefined` when there is none, and when some entry is not for the engine to write. */
  readonly text: Uint8Array | undefined
}

/** What an export thread is started with. */
export interface WorkerData {
  readonly path: string
  readonly options: ConnectionOptions
}

/** To the thread: a page to make, and the time by which entries have expired; or that it is to end. */
export type ToWorker = { readonly page: TextPage; readonly now: number } | 'close'

/** From the thread: its snapshot stands; or what came of the next page, `undefined` when it could not be made. */
export type FromWorker = 'ready' | PageText | undefined

type Row = [text: Uint8Array | null, count: number, longest: number, expiring: number]

/** Lets the engine write the lines of a page; `now` tells what has expired. */
export function makeText(connection: Connection, page: TextPage, now: number): PageText {
  const { where, bounds } = rangeSql(page)
  // The index decides the order in which the rows are joined, so it is named.
  const sql = `select
      cast(group_concat(json_object('key', cast(key as text), 'value', case when length(value) <= ${LONG_VALUE} then cast(value as text) end), char(10)) || char(10) as blob),
      count(*), coalesce(max(length(value)), 0), count(expires)
    from kv indexed by sqlite_autoindex_kv_1 ${where} and (expires is null or expires > ?)`
  const [text, count, longest, expiring] = connection.statement(sql).get(...bounds, now) as Row
  return { count, text: text !== null && longest <= LONG_VALUE && expiring === 0 && isUtf8(text) ? text : undefined }
}

/** Whether a store is so large that a thread pays early. */
export function isLarge(connection: Connection): boolean {
  return connection.read(() => connection.fileBytes()) >= LARGE_BYTES
}

/** Makes the cache of a connection that reads a long range as small as is good for that. */
export function limitScanCache(connection: Connection): void {
  if (isLarge(connection)) connection.limitCache(SCAN_CACHE_KIB)
}
