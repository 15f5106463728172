/**
 * The row of `kv_store` and where it is, read from the bytes of a page: before SQLite may open a
 * file, and for a page of the log. https://www.sqlite.org/fileformat2.html has the format.
 */

import { readSync } from 'node:fs'
import { LAYOUTS } from './header.ts'

/** What the row of `kv_store` tells of a commit. */
export interface CommitRow {
  readonly revision: number
  /** Of this commit; `undefined` in a store that has had no marks yet. */
  readonly mark: bigint | undefined
  /** Of the commit before. */
  readonly markBefore: bigint | undefined
  /** The last bits of the schema's version before this commit, when kv made it. */
  readonly layout: number | undefined
  /** Whether kv made this commit, and had it wait for the disk. */
  readonly isDurable: boolean
  /** Whether another tool made it. */
  readonly isForeign: boolean
}

/** The least mark that kv gives. */
const OWN = 2n ** 62n

/** A page of a database file; zeros beyond its end. Numbers begin with 1. */
export function pageAt(fd: number, number: number, pageSize: number): Buffer {
  const page = Buffer.alloc(pageSize)
  readSync(fd, page, 0, pageSize, (number - 1) * pageSize)
  return page
}

/** The page that holds the row of `kv_store`; `undefined` when the schema does not tell. `pageOf` gives its other pages. */
export function storeRoot(page1: Buffer, pageOf: (number: number) => Buffer): number | undefined {
  for (const [type, name, , root] of schemaRows(page1, 100, pageOf, MOST_LEVELS)) {
    if (type === 'table' && name === 'kv_store' && typeof root === 'bigint') return Number(root)
  }
  return undefined
}

/** Levels of the schema's tree that are looked at: a damaged one may lead in a circle. */
const MOST_LEVELS = 3

function* schemaRows(
  page: Buffer,
  at: number,
  pageOf: (number: number) => Buffer,
  levels: number,
): Generator<Column[], void, void> {
  if (page[at] !== TABLE_INTERIOR) return yield* cells(page, at) ?? []
  if (levels === 0) return
  const count = Math.min(page.readUInt16BE(at + 3), page.length / 4)
  for (let n = 0; n <= count; n++) {
    // The last child stands in the head of the page.
    const pointer = n === count ? at + 8 : page.readUInt16BE(at + 12 + 2 * n)
    if (pointer + 4 > page.length) return
    yield* schemaRows(pageOf(page.readUInt32BE(pointer)), 0, pageOf, levels - 1)
  }
}

/** Whether a page holds rows of the schema, as its first row shows: their first column is the name of a type. */
export function isSchemaLeaf(page: Buffer): boolean {
  if (page[0] !== TABLE_LEAF || page.readUInt16BE(3) === 0) return false
  const cell = page.readUInt16BE(8)
  if (cell + 32 > page.length) return false
  const [type] = cellsFrom(page, cell)
  return typeof type === 'string' && SCHEMA_TYPES.has(type)
}

const SCHEMA_TYPES = new Set(['table', 'index', 'view', 'trigger'])

function cellsFrom(page: Buffer, cell: number): Column[] {
  try {
    return record(page, cell)
  } catch {
    return []
  }
}

/** The row of `kv_store` on its page; `undefined` when the page is something else. */
export function commitRow(page: Buffer): CommitRow | undefined {
  if (page[0] !== TABLE_LEAF || page.readUInt16BE(3) !== 1) return undefined
  const rows = cells(page, 0)
  if (rows === undefined) return undefined
  const [, revision, mark, markBefore] = rows[0]!
  if (typeof revision !== 'bigint') return undefined
  const isForeign = typeof mark === 'bigint' && mark < 0n
  return {
    revision: Number(revision),
    mark: typeof mark === 'bigint' ? mark : undefined,
    markBefore: typeof markBefore === 'bigint' ? markBefore : undefined,
    layout: typeof mark === 'bigint' && mark >= OWN ? Number((mark >> 1n) % BigInt(LAYOUTS)) : undefined,
    // Before there were marks, a commit waited for the disk unless asked not to.
    isDurable: !isForeign && (typeof mark !== 'bigint' || (mark & 1n) === 1n),
    isForeign,
  }
}

/** Page 1 of a file, and the row of `kv_store` as far as that page tells where it is. */
export function readStoreRow(fd: number, pageSize: number): { firstPage: Buffer; row: CommitRow | undefined } {
  const firstPage = pageAt(fd, 1, pageSize)
  const root = storeRoot(firstPage, (number) => pageAt(fd, number, pageSize))
  return { firstPage, row: root === undefined ? undefined : commitRow(pageAt(fd, root, pageSize)) }
}

/** Whether the commits of a log are known to go on from the commit of a file, or to have it among them. */
export function isProven(file: CommitRow | undefined, log: readonly CommitRow[]): boolean {
  const [first] = log
  if (file?.mark === undefined || first === undefined) return false
  if (first.markBefore === file.mark || log.some(({ mark }) => mark === file.mark)) return true
  // Commits of other tools one after the other share the mark before.
  return first.isForeign && file.isForeign && file.markBefore !== undefined && first.markBefore === file.markBefore
}

/** A column as far as it is of interest; texts, whole numbers, and `null` for the rest. */
type Column = string | bigint | null

/** Types of pages of a table: a leaf, and one that leads to others. */
const TABLE_LEAF = 0x0d
const TABLE_INTERIOR = 0x05

/** The first columns of each row of a leaf page; `undefined` when it is none, or not whole. */
function cells(page: Buffer, at: number): Column[][] | undefined {
  if (page[at] !== TABLE_LEAF) return undefined
  try {
    return Array.from({ length: page.readUInt16BE(at + 3) }, (_, n) => record(page, page.readUInt16BE(at + 8 + 2 * n)))
  } catch {
    // A length that leads out of the page.
    return undefined
  }
}

/** The columns of a row that lie on this page. Throws for what is none. */
function record(page: Buffer, cell: number): Column[] {
  const reader = new VarintReader(page, cell)
  reader.next() // the length of the row
  reader.next() // its id
  const start = reader.at
  const headerEnd = start + reader.next()
  const columns: Column[] = []
  let at = headerEnd
  while (reader.at < headerEnd) {
    const type = reader.next()
    const length = columnLength(type)
    if (at + length > page.length) break
    columns.push(column(page, at, type, length))
    at += length
  }
  if (reader.at > headerEnd) throw new RangeError('the header of a row is not whole')
  return columns
}

class VarintReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  /** A number of at most 53 bits: nothing here is larger. */
  next(): number {
    let value = 0
    for (let n = 0; n < 8; n++) {
      const byte = this.#bytes.readUInt8(this.at++)
      value = value * 128 + (byte & 0x7f)
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is too long')
  }
}

/** Bytes of a column by its type. */
function columnLength(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2)
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type]!
}

function column(page: Buffer, at: number, type: number, length: number): Column {
  if (type >= 13 && type % 2 === 1) return page.toString('latin1', at, at + length)
  if (type === 8 || type === 9) return BigInt(type - 8)
  if (type === 6) return page.readBigInt64BE(at)
  return type >= 1 && type <= 5 ? BigInt(page.readIntBE(at, length)) : null
}
