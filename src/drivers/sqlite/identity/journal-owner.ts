/**
 * Whether a rollback journal beside a store is that store's. A store has none unless another tool has put the file
 * into that mode and was killed; SQLite would write it back into whatever file has the name, and cut that to the
 * length noted there. https://www.sqlite.org/fileformat2.html, section 3, has the format.
 */
import { fstatSync, readSync } from 'node:fs'
import { KvError } from '../../../errors.ts'
import { moveAway } from '../../../shell-quote.ts'
import type { OpenFile } from './log-owner.ts'
import { changeCounterOf, pageSizeOf } from '../format/header.ts'
import { withFile } from '../format/read-file.ts'
import { type CommitRow, commitRow, pageAt, storeRoot } from '../format/store-page.ts'

const MAGIC = 'd9d505f920a163d7'
const HEADER_BYTES = 28

/** Stands for as many pages as the file has room for. */
const ALL_PAGES = 0xff_ff_ff_ff

/** How often both are looked at again: a process may be about to commit. */
const ATTEMPTS = 20

/** Throws `KV_CORRUPT` when there is a journal that SQLite would write back, and it is not this store's. */
export function verifyJournal(file: OpenFile): void {
  const path = `${file.path}-journal`
  for (let attempt = 1; ; attempt++) {
    const why = withFile(path, (fd) => (fd === undefined ? undefined : checkJournal(file, fd)))
    if (why === undefined) return
    if (attempt < ATTEMPTS) continue
    throw new KvError('KV_CORRUPT', `${path} is not the journal of ${file.path}: ${why}`, {
      hint: `SQLite would write it into the file; move it away: ${moveAway(path)}`,
    })
  }
}

/** What is amiss with a journal; `undefined` when nothing is. */
function checkJournal(file: OpenFile, fd: number): string | undefined {
  const header = Buffer.alloc(HEADER_BYTES)
  const stat = fstatSync(fd)
  // One that begins with a zero is over, or not yet on disk.
  if (!stat.isFile() || readSync(fd, header, 0, HEADER_BYTES, 0) === 0 || header[0] === 0) return undefined
  if (header.toString('hex', 0, 8) !== MAGIC) return 'it is no journal at all'
  return checkPages(file, fd, header, stat.size)
}

/** Offsets in the header: records 8, pages of the file before 16, sector size 20, page size 24. */
function checkPages(file: OpenFile, fd: number, header: Buffer, size: number): string | undefined {
  const pageSize = pageSizeOf(file.header)
  if (header.readUInt32BE(24) !== pageSize) return 'it has pages of another size'
  const now = pageAt(file.fd, 1, pageSize)
  const root = storeRoot(now, (page) => pageAt(file.fd, page, pageSize))
  const record = pageSize + 8
  const start = header.readUInt32BE(20)
  const room = Math.max(0, Math.floor((size - start) / record))
  const noted = header.readUInt32BE(8)
  const records = noted === ALL_PAGES ? room : Math.min(noted, room)
  if (records === 0 && fstatSync(file.fd).size > header.readUInt32BE(16) * pageSize) return 'it is of a shorter file'
  const bytes = Buffer.alloc(pageSize)
  const number = Buffer.alloc(4)
  for (let n = 0; n < records; n++) {
    readSync(fd, number, 0, 4, start + n * record)
    const page = number.readUInt32BE(0)
    if (page !== 1 && page !== root) continue
    readSync(fd, bytes, 0, pageSize, start + n * record + 4)
    if (page === 1 && !isOneBefore(changeCounterOf(bytes), changeCounterOf(now))) return 'it is of another state'
    if (page === root && !isBefore(commitRow(bytes), commitRow(pageAt(file.fd, root, pageSize))))
      return 'it is of another state'
  }
  return undefined
}

/** Whether a change counter is that of the file, or of the state before. */
function isOneBefore(journal: number, file: number): boolean {
  return journal === file || journal + 1 === file
}

/** Whether a row of `kv_store` is that of the file, or of the state before. What cannot be told is taken for one. */
function isBefore(journal: CommitRow | undefined, file: CommitRow | undefined): boolean {
  if (journal?.mark === undefined || file?.mark === undefined) return true
  return (
    journal.mark === file.mark ||
    journal.mark === file.markBefore ||
    (journal.isForeign && file.isForeign && journal.markBefore === file.markBefore)
  )
}
