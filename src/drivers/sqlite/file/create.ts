import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { boundSql } from '../bound/bound.ts'
import { sqliteEngine } from '../engine/engine.ts'
import { APPLICATION_ID } from '../format/header.ts'
import { isAbandoned, isFromHere, temporaryName } from '../format/temporary-names.ts'
import { refuseLostLog } from '../identity/log-owner.ts'
import type { Layout } from '../layout/layout.ts'
import { LAYOUT_OF_NEW } from '../layout/layouts.ts'
import { ROWS } from '../layout/rows.ts'
import { placeFile, putOnDisk } from './place-file.ts'
import { schemaSql } from './schema.ts'

/** Bytes of a page. Chosen by measurement; see BENCHMARKS.md, "Layout". */
const PAGE_SIZE = 8192

/** What a store is made with. */
export interface CreateOptions {
  /** Whether its folder is made too. */
  readonly makeFolder: boolean
  /** How many entries it has at most; the oldest go. Default: any number. */
  readonly maxEntries?: number | undefined
}

/** Statements that make an empty store of a new file, which keeps no log yet. */
export function emptyStoreSql(
  maxEntries?: number,
  layout: Layout = maxEntries === undefined ? LAYOUT_OF_NEW : ROWS,
): string {
  return `pragma page_size = ${PAGE_SIZE}; pragma journal_mode = off;
    begin; pragma application_id = ${APPLICATION_ID}; pragma user_version = ${layout.format}; ${schemaSql(layout)}
    ${maxEntries === undefined ? '' : boundSql(maxEntries)} commit;`
}

/**
 * Makes an empty store at `path`, whole or not at all: under a temporary name, then renamed. When another process was
 * quicker, its store stays. Throws what the file system or engine throws, and `KV_CORRUPT` when the log of a lost store
 * is in the way (SQLite would play it into the new one).
 */
export function create(path: string, options: CreateOptions): void {
  const temporary = temporaryFor(path, options)
  try {
    run(temporary, `pragma synchronous = full; ${emptyStoreSql(options.maxEntries)} pragma journal_mode = wal`)
    placeFile(temporary, path)
  } finally {
    removeTemporary(temporary)
  }
}

/**
 * The same with what `fill` writes to the file of a name, an empty store that keeps no log yet and does not wait for the disk.
 * Returns its result; `undefined`, and what it wrote is gone, when another process was quicker.
 */
export async function createFilled<T>(
  path: string,
  options: CreateOptions,
  fill: (temporary: string) => Promise<T>,
): Promise<T | undefined> {
  const temporary = temporaryFor(path, options)
  try {
    run(temporary, `pragma synchronous = off; ${emptyStoreSql(options.maxEntries)}`)
    const result = await fill(temporary)
    run(temporary, 'pragma synchronous = off; pragma journal_mode = wal')
    await putOnDisk(temporary)
    return placeFile(temporary, path) ? result : undefined
  } finally {
    removeTemporary(temporary)
  }
}

/** Makes an empty file beside the place of a store, and says its name. */
function temporaryFor(path: string, { makeFolder }: CreateOptions): string {
  const folder = dirname(path)
  if (makeFolder) makeFolderOf(path)
  if (!existsSync(path)) refuseLostLog(path)
  removeAbandoned(folder)
  const temporary = join(folder, temporaryName())
  closeSync(openSync(temporary, 'wx', 0o600))
  return temporary
}

/** Makes the folder of a store, where it is not there. */
export function makeFolderOf(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
}

/** Runs statements on a connection of their own. */
function run(file: string, sql: string): void {
  const connection = new (sqliteEngine().DatabaseSync)(file)
  try {
    connection.exec(sql)
  } finally {
    connection.close()
  }
}

/** Removes a store that is being made, with what the engine has put beside it. */
export function removeTemporary(temporary: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(temporary + suffix, { force: true })
}

/** Made in milliseconds, or written to all the time: one so old, in milliseconds, was left by a process that was killed, wherever that was. */
const ABANDONED_MS = 3_600_000

/** Removes what killed creations and copies left in a folder; a clean-up, so what cannot be done is left. */
export function removeAbandoned(folder: string): void {
  try {
    for (const file of readdirSync(folder)) {
      if (!isAbandoned(file)) continue
      const path = join(folder, file)
      const stat = lstatSync(path)
      const isOver = isFromHere(file) || Date.now() - stat.mtimeMs > ABANDONED_MS
      if (isOver && stat.isFile()) rmSync(path, { force: true })
    }
  } catch {
    // A folder that may be written but not listed, or another process that was quicker.
  }
}
