/** The header of a SQLite file, its first 100 bytes (https://www.sqlite.org/fileformat2.html, section 1.3). */

/** Bytes of the header. */
export const HEADER_BYTES = 100

const MAGIC = 'SQLite format 3\0'

/** In `application_id`: a store of kv, "kvf1". */
export const APPLICATION_ID = 0x6b_76_66_31

/** The newest version of the tables, in `user_version`. A kv refuses files with a higher one. */
export const NEWEST_FORMAT = 2

/** How much of the schema's version a mark keeps; see `ownMark` in schema.ts. */
export const LAYOUTS = 2 ** 20

/** Whether the first bytes of a file are those of a SQLite file. */
export function isSqliteHeader(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, MAGIC.length) === MAGIC
}

/** Bytes of a page as headers have it, where 1 stands for the largest. */
export function pageSizeFrom(field: number): number {
  return field === 1 ? 65_536 : field
}

/** Bytes of a page. */
export function pageSizeOf(header: Buffer): number {
  return pageSizeFrom(header.readUInt16BE(16))
}

/** Grows by one at most with each commit that writes page 1. */
export function changeCounterOf(header: Buffer): number {
  return header.readUInt32BE(24)
}

/** Pages of the file; `undefined` where an old version of SQLite has written without telling them. */
export function pageCountOf(header: Buffer): number | undefined {
  return changeCounterOf(header) === header.readUInt32BE(92) ? header.readUInt32BE(28) : undefined
}

/** The last bits of the schema's version: each change of the schema adds one, and so does `vacuum`. */
export function layoutOf(header: Buffer): number {
  return header.readUInt32BE(40) % LAYOUTS
}

/** The version of the tables. */
export function formatVersionOf(header: Buffer): number {
  return header.readUInt32BE(60)
}

/** Which program's file it is. */
export function applicationIdOf(header: Buffer): number {
  return header.readUInt32BE(68)
}
