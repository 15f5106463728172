import { existsSync } from 'node:fs'
import { dirname, join, toNamespacedPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KvError } from '../../../errors.ts'

/** Of the bundle, where this code was bundled to CommonJS. */
declare const __filename: string

/** A value SQLite takes or gives. */
export type SqlValue = null | number | string | Uint8Array

/** A row as an array of its columns. */
export type SqlRow = SqlValue[]

/** The part of `StatementSync` of `node:sqlite` that kv uses. */
export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint }
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
export interface Engine {
  readonly name: string
  /** What `require` finds it by, from any folder. */
  readonly module: string
  readonly DatabaseSync: DatabaseSyncClass
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
    return { name: 'node:sqlite', module: 'node:sqlite', DatabaseSync: DatabaseSync, closesAtOnce: true }
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}

function addon(): Engine {
  const name = '@photostructure/sqlite'
  const libc = process.platform !== 'linux' ? '' : existsSync('/etc/alpine-release') ? '.musl' : '.glibc'
  const binary = join(name, 'prebuilds', `${process.platform}-${process.arch}`, `@photostructure+sqlite${libc}.node`)
  // The binary itself, where npm puts it: nested or beside this package. The package's own entry
  // finds the same file, 6 ms later.
  const found = MODULE_FOLDERS.map((folder) => join(codeFolder(), folder, binary)).find((file) => existsSync(file))
  try {
    if (found !== undefined)
      return { name, module: found, DatabaseSync: loadBinary(found).DatabaseSync, closesAtOnce: false }
  } catch {
    // Built for another C library: let the package choose.
  }
  // Loaded only here: `node:module` brings the loader of ES modules with it.
  const { createRequire } = process.getBuiltinModule('node:module')
  try {
    const load = createRequire(join(codeFolder(), 'engine.js'))
    return { name, module: load.resolve(name), DatabaseSync: (load(name) as Exports).DatabaseSync, closesAtOnce: false }
  } catch (cause) {
    throw new KvError('KV_UNAVAILABLE', `the SQLite engine of kvfile, ${name}, is not found from ${codeFolder()}`, {
      cause,
      hint: 'in a bundled program keep kvfile external and install it beside the program, or run Node 22.13 or newer, which has SQLite built in',
    })
  }
}

/**
 * The folder of this code. A bundler that makes CommonJS leaves `import.meta` empty; there it is the folder of the
 * bundle.
 */
export function codeFolder(): string {
  const url = (import.meta as { readonly url?: string }).url
  return dirname(url === undefined ? __filename : fileURLToPath(url))
}

/** A native addon, as `require` loads it but for looking the path up. Throws what the dynamic linker says. */
function loadBinary(path: string): Exports {
  const module = { exports: {} as Exports }
  process.dlopen(module, toNamespacedPath(path))
  return module.exports
}

/** `node_modules` of this package and the one it stands in, from `dist` and from `dist/cli` or `dist/chunks`. */
const MODULE_FOLDERS = ['../node_modules', '../../node_modules', '../../..', '../../..']
