/** A page of text: where it begins and ends, and what the engine makes of it. */
import type { TextForm } from '../../../store/driver/text-form.ts'
import type { Connection, ConnectionOptions } from '../file/connection.ts'
import { LONG_VALUE, rangeSql } from '../read/range.ts'
import type { RangePart } from './range-cutter.ts'
import type { PackedRows } from './row-packer.ts'
import type { RowText, TextPart } from './row-text.ts'

/** A store from this size on is large, in bytes. */
const LARGE_BYTES = 1 << 26

/**
 * Cache while a long range of such a store is read, in KiB: where the rows lie in order each page is
 * read once, where they do not no cache is large enough, and memory is not for nothing (on a virtual
 * machine a page of it can take longer to get than a page of the file).
 */
const SCAN_CACHE_KIB = 1024

/** What came of a page: how many entries it has, and their lines. */
export interface PageText {
  readonly count: number
  /** `undefined` when there is none, and when some entry is not for the engine to write. */
  readonly parts: readonly TextPart[] | undefined
}

/** What an export thread is started with. */
export interface WorkerData {
  readonly path: string
  readonly options: ConnectionOptions
  /** Of the text; `undefined`: rows are packed for blocks. */
  readonly form: TextForm | undefined
}

/** To the thread: a page to make, and the time by which entries have expired; or that it is to end. */
export type ToWorker = { readonly page: RangePart; readonly now: number } | 'close'

/** From the thread: its snapshot stands; or what came of the next page, `undefined` when it could not be made. */
export type FromWorker = 'ready' | PageText | undefined

/** A page of packed rows, and the key at which the next begins; `undefined` at the end of the range. */
export interface PackedPage extends PackedRows {
  readonly end: Uint8Array | undefined
}

/** To a packing thread: a range to read, and the time by which entries have expired; that so many bytes were taken; or that it is to end. */
export type ToPacker = { readonly range: RangePart; readonly now: number } | { readonly taken: number } | 'close'

/** From a packing thread: its snapshot stands; a page of the range; there are no more; or it cannot go on. */
export type FromPacker = 'ready' | PackedPage | 'end' | 'failed'

type Row = [rows: Uint8Array | null, count: number, long: number, expiring: number]

/** Lets the engine write the rows of a page; `now` tells what has expired. */
export function makeText(connection: Connection, page: RangePart, text: RowText, now: number): PageText {
  const { where, bounds } = rangeSql(page)
  // The index decides the order in which the rows are joined, so it is named.
  const { from, length } = connection.layout.withValues
  // A value that the file has lost counts as a long one; there is no such row in the text, which tells.
  const sql = `select ${text.sql}, count(*), count(iif(${length} <= ${LONG_VALUE}, null, 1)), count(expires)
    from ${from} ${where} and (expires is null or expires > ?)`
  const [rows, count, long, expiring] = connection.statement(sql).get(...bounds, now) as Row
  if (rows === null || (expiring > 0 && !text.hasExpires)) return { count, parts: undefined }
  return { count, parts: text.parts(rows, count, long) }
}

/** The bytes of text there are in parts. */
export function textBytes(parts: readonly TextPart[] | undefined): number {
  return (parts ?? []).reduce((bytes, part) => bytes + ('text' in part ? part.text.length : 0), 0)
}

/** Whether a store is so large that a thread pays early. */
export function isLarge(connection: Connection): boolean {
  return connection.read(() => connection.fileBytes()) >= LARGE_BYTES
}

/** Makes the cache of a connection that reads a long range as small as is good for that. */
export function limitScanCache(connection: Connection): void {
  if (isLarge(connection)) connection.limitCache(SCAN_CACHE_KIB)
}
