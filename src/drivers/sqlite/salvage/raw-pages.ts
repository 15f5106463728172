/** The pages of a store, read without SQLite, which gives up at damage. https://www.sqlite.org/fileformat2.html has the format. */
import { readSync } from 'node:fs'
import { pageSizeFrom } from '../format/header.ts'
import { FRAME_BYTES, LOG_HEADER_BYTES, readLogHeader } from '../format/log-file.ts'

/** Types of pages: leaves of tables and of indexes, and those that lead to others. Those of an index hold rows, too. */
export const TABLE_LEAF = 0x0d
export const INDEX_LEAF = 0x0a
export const TABLE_INTERIOR = 0x05
export const INDEX_INTERIOR = 0x02

/** Bytes before the header of page 1. */
const FILE_HEADER = 100

/** A column as it is stored. */
export type Field = null | number | Uint8Array | string

/** A row: its id, in a table, its columns, and its place among the cells of its page. */
export interface RawRow {
  readonly id: number
  readonly fields: readonly Field[]
  readonly cell: number
}

/** A table or an index, the table that it is about, and its first page. */
export interface Tree {
  readonly kind: 'table' | 'index'
  readonly table: string
  readonly root: number
}

/** The newest committed pages of a file and its log. */
export class RawPages {
  readonly #file: number
  readonly #log: number | undefined
  /** Where a page lies in the log. */
  readonly #inLog = new Map<number, number>()
  readonly pageSize: number
  readonly count: number

  /** Both are open for reading; `size` is that of the file. */
  constructor(file: number, log: number | undefined, size: number, pageSize: number) {
    this.#file = file
    this.#log = log
    this.pageSize = pageSize
    let count = Math.ceil(size / pageSize)
    const header = log === undefined ? undefined : readLogHeader(log)
    if (log !== undefined && header !== undefined && pageSizeFrom(header.readUInt32BE(8)) === pageSize) {
      const frame = Buffer.alloc(FRAME_BYTES)
      const pending = new Map<number, number>()
      for (let at = LOG_HEADER_BYTES; readSync(log, frame, 0, FRAME_BYTES, at) === FRAME_BYTES;) {
        if (frame.compare(header, 16, 24, 8, 16) !== 0) break
        pending.set(frame.readUInt32BE(0), at + FRAME_BYTES)
        if (frame.readUInt32BE(4) !== 0) {
          for (const [page, offset] of pending) this.#inLog.set(page, offset)
          count = Math.max(count, ...pending.keys())
          pending.clear()
        }
        at += FRAME_BYTES + pageSize
      }
    }
    this.count = count
  }

  /** A page; zeros where it cannot be read. Numbers begin with 1. */
  page(number: number): Buffer {
    const page = Buffer.alloc(this.pageSize)
    const at = this.#inLog.get(number)
    try {
      if (at !== undefined) readSync(this.#log!, page, 0, this.pageSize, at)
      else readSync(this.#file, page, 0, this.pageSize, (number - 1) * this.pageSize)
    } catch {
      page.fill(0)
    }
    return page
  }

  /** Pages that hold nothing any more: the list that page 1 begins. */
  freePages(): Set<number> {
    const free = new Set<number>()
    for (let trunk = this.page(1).readUInt32BE(32); trunk > 0 && trunk <= this.count && !free.has(trunk);) {
      free.add(trunk)
      const page = this.page(trunk)
      const leaves = Math.min(page.readUInt32BE(4), this.pageSize / 4 - 2)
      for (let n = 0; n < leaves; n++) free.add(page.readUInt32BE(8 + 4 * n))
      trunk = page.readUInt32BE(0)
    }
    return free
  }

  /** The pages that an interior page leads to. */
  children(page: Buffer): number[] {
    const cells = page.readUInt16BE(3)
    const children = [page.readUInt32BE(8)]
    for (let n = 0; n < cells && 14 + 2 * n <= this.pageSize; n++) {
      const cell = page.readUInt16BE(12 + 2 * n)
      if (cell + 4 <= this.pageSize) children.push(page.readUInt32BE(cell))
    }
    return children
  }

  /** What page 1 says of the tables and indexes of the file: nothing where it cannot be read, or has no room for the whole schema. */
  trees(): Tree[] {
    const page = this.page(1)
    if (page[FILE_HEADER] !== TABLE_LEAF) return []
    const trees: Tree[] = []
    for (const { fields } of this.rows(page, TABLE_LEAF, () => {}, FILE_HEADER)) {
      const [kind, , table, root] = fields
      if ((kind === 'table' || kind === 'index') && typeof table === 'string' && typeof root === 'number')
        trees.push({ kind, table, root })
    }
    return trees
  }

  /** A row that was found before. */
  row(number: number, cell: number): RawRow | undefined {
    const page = this.page(number)
    return this.#rowOf(page, page[0]!, cell, 0)
  }

  /** The rows of a page that can be read, whose header is at `start`; `lost` is called for each of its others. */
  *rows(page: Buffer, type: number, lost: () => void, start = 0): Generator<RawRow, void, void> {
    const cells = page.readUInt16BE(start + 3)
    const pointers = start + (type === INDEX_INTERIOR ? 12 : 8)
    if (cells === 0 || pointers + 2 * cells > this.pageSize) return
    for (let n = 0; n < cells; n++) {
      const row = this.#rowOf(page, type, n, start)
      if (row === undefined) lost()
      else yield row
    }
  }

  #rowOf(page: Buffer, type: number, cell: number, header: number): RawRow | undefined {
    try {
      let at = page.readUInt16BE(header + (type === INDEX_INTERIOR ? 12 : 8) + 2 * cell)
      if (type === INDEX_INTERIOR) at += 4
      const start = varint(page, at)
      const length = start[0]
      at = start[1]
      let id = 0
      if (type === TABLE_LEAF) [id, at] = varint(page, at)
      const payload = this.#payload(page, at, length, type)
      return payload && { id, fields: fieldsOf(payload), cell }
    } catch {
      // A length or a page number that leads nowhere.
      return undefined
    }
  }

  /** How many bytes of a row are on its own page; the number of the page with the others follows. */
  #bytesHere(length: number, type: number): number {
    const size = this.pageSize
    const most = type === TABLE_LEAF ? size - 35 : Math.floor(((size - 12) * 64) / 255) - 23
    if (length <= most) return length
    const least = Math.floor(((size - 12) * 32) / 255) - 23
    const wanted = least + ((length - least) % (size - 4))
    return wanted <= most ? wanted : least
  }

  /** Whether the rows and the free space of a page of an index make it up. Where not, it may have held other rows. */
  isWhole(page: Buffer, type: number): boolean {
    try {
      const cells = page.readUInt16BE(3)
      const pointers = type === INDEX_INTERIOR ? 12 : 8
      let bytes = page.readUInt16BE(5) + page[7]!
      if (bytes < pointers + 2 * cells) return false
      for (let n = 0; n < cells; n++) {
        const cell = page.readUInt16BE(pointers + 2 * n)
        const start = type === INDEX_INTERIOR ? cell + 4 : cell
        const [length, at] = varint(page, start)
        const here = this.#bytesHere(length, type)
        bytes += Math.max(at - cell + here + (here < length ? 4 : 0), 4)
      }
      for (let block = page.readUInt16BE(1), before = 0; block > before; block = page.readUInt16BE(block)) {
        bytes += page.readUInt16BE(block + 2)
        before = block
      }
      return bytes === this.pageSize
    } catch {
      return false
    }
  }

  /** The bytes of a row, on this page and those that it goes on to. */
  #payload(page: Buffer, at: number, length: number, type: number): Buffer | undefined {
    const size = this.pageSize
    if (length > this.count * size) return undefined
    const here = this.#bytesHere(length, type)
    if (here === length) return at + length <= size ? page.subarray(at, at + length) : undefined
    if (at + here + 4 > size) return undefined
    const bytes = Buffer.alloc(length)
    page.copy(bytes, 0, at, at + here)
    let next = page.readUInt32BE(at + here)
    for (let done = here; done < length;) {
      if (next === 0 || next > this.count) return undefined
      const part = this.page(next)
      done += part.copy(bytes, done, 4, 4 + Math.min(size - 4, length - done))
      next = part.readUInt32BE(0)
    }
    return bytes
  }
}

function varint(bytes: Buffer, at: number): [value: number, at: number] {
  let value = 0
  for (let n = 0; n < 8; n++) {
    const byte = bytes.readUInt8(at + n)
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return [value, at + n + 1]
  }
  throw new RangeError('a number is too long')
}

function fieldsOf(payload: Buffer): Field[] {
  const start = varint(payload, 0)
  const headerEnd = start[0]
  let at = start[1]
  const fields: Field[] = []
  let body = headerEnd
  while (at < headerEnd) {
    let type: number
    ;[type, at] = varint(payload, at)
    const length = type >= 12 ? Math.floor((type - 12) / 2) : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type]!
    if (body + length > payload.length) throw new RangeError('a row is not whole')
    if (type >= 12 && type % 2 === 1) fields.push(payload.toString('utf8', body, body + length))
    else if (type >= 12) fields.push(payload.subarray(body, body + length))
    else if (type === 8 || type === 9) fields.push(type - 8)
    else if (type === 6) fields.push(Number(payload.readBigInt64BE(body)))
    else fields.push(type >= 1 && type <= 5 ? payload.readIntBE(body, length) : null)
    body += length
  }
  return fields
}
