import { toNamespacedPath } from 'node:path'
import { KvError } from '../../../errors.ts'
import { addonFile } from './addon.ts'

/** A value SQLite takes or gives. */
export type SqlValue = null | number | string | Uint8Array

/** The part of `StatementSync` of `node:sqlite` that kv uses. */
export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  get(...values: SqlValue[]): unknown
  all(...values: SqlValue[]): unknown[]
  iterate(...values: SqlValue[]): Iterator<unknown>
  setReturnArrays(on: boolean): void
}

/** The part of `DatabaseSync` of `node:sqlite` that kv uses. */
export interface DatabaseSync {
  prepare(sql: string): Statement
  exec(sql: string): void
  close(): void
}

type DatabaseSyncClass = new (path: string | URL, options?: { readOnly?: boolean }) => DatabaseSync

/** What the module of an engine exports. */
interface Exports {
  readonly DatabaseSync: DatabaseSyncClass
}

/** The engine found, and under which name to report it. */
export interface Engine extends Exports {
  readonly name: string
  /** What `require` finds it by, from any folder. */
  readonly module: string
  /** Whether closing a connection closes its file there and then, rather than when its statements are collected. */
  readonly closesAtOnce: boolean
}

let engine: Engine | undefined

/**
 * SQLite for this Node: the built-in `node:sqlite` from Node 22.13 on, else its drop-in
 * `@photostructure/sqlite`. The one place that chooses.
 */
export function sqliteEngine(): Engine {
  engine ??= builtIn() ?? addon()
  return engine
}

function builtIn(): Engine | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 13)) return undefined
  const emitWarning = process.emitWarning
  // Some versions warn once that node:sqlite is experimental; every other warning must pass.
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (String(warning).includes('SQLite is an experimental feature')) return
    Reflect.apply(emitWarning, process, [warning, ...rest])
  }
  try {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite') as unknown as Exports
    return { name: 'node:sqlite', module: 'node:sqlite', DatabaseSync, closesAtOnce: true }
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}

function addon(): Engine {
  const module = addonFile()
  try {
    const addon = { exports: {} as Exports }
    // As `require` loads it, but for looking the path up.
    process.dlopen(addon, toNamespacedPath(module))
    const { DatabaseSync } = addon.exports
    return { name: '@photostructure/sqlite', module, DatabaseSync, closesAtOnce: false }
  } catch (cause) {
    throw new KvError('KV_UNAVAILABLE', `the SQLite engine cannot be loaded: ${(cause as Error).message}`, {
      cause,
      hint: 'Node 22.13 and newer have SQLite built in',
    })
  }
}
