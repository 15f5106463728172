/**
 * The addon that brings SQLite to a Node without it: one compressed archive for each platform in `dist/engine`, unpacked
 * by the installation or the first use.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { codeFolder } from '../../../code-folder.ts'
import { KvError, reasonOf } from '../../../errors.ts'
import { withDistances } from './code-addresses.ts'

/** `dist/engine`, from `dist/cli` or `dist/chunks`, and from `dist/cjs/chunks`. */
const FOLDERS = ['../engine', '../../engine']

/** The addons by name, also those whose archives an installation removed. */
const MANIFEST = 'addons.json'

/** Where an addon lies in the package. */
interface Packed {
  /** The archive of its system and processor. */
  readonly archive: string
  /** Its place in what the archive unpacks to. */
  readonly start: number
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}

const BUILT_IN = 'Node 22.13 and newer have SQLite built in'

/** Path of the addon of this platform. Throws `KV_UNAVAILABLE` where it is missing, damaged, or cannot be unpacked. */
export function addonFile(): string {
  const name = `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}.node`
  const [near] = FOLDERS.map((folder) => join(codeFolder(), folder, name)).filter(isTrusted)
  if (near !== undefined) return near
  const folder = engineFolder()
  const beside = join(folder, name)
  if (isTrusted(beside)) return beside
  const packed = packedIn(folder, name)
  const cached = join(cacheFolder(), `${packed.sha256.slice(0, 16)}-${name}`)
  return isPrivate(cached) ? cached : unpack(join(folder, packed.archive), packed, [beside, cached])
}

/** Whether this Node is built for the C library musl: its dynamic linker is named at the start of the program. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const head = Buffer.alloc(4096)
  try {
    const program = openSync(process.execPath, 'r')
    readSync(program, head)
    closeSync(program)
  } catch {
    return false
  }
  return head.includes('/ld-musl-')
}

/** Whether a file exists and its owner could change this process anyway: its user, root, or the owner of this code. */
function isTrusted(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return false
  const user = process.geteuid?.()
  return user === undefined || [user, 0].includes(stat.uid) || statSync(codeFolder()).uid === stat.uid
}

/** The folder of the archives: beside this code, or in the package that a bundled program finds as `require` does. */
function engineFolder(): string {
  const near = FOLDERS.map((folder) => join(codeFolder(), folder)).find((folder) => isTrusted(join(folder, MANIFEST)))
  if (near !== undefined) return near
  // Loaded only here: `node:module` brings the loader of ES modules with it.
  const { createRequire } = process.getBuiltinModule('node:module')
  try {
    const manifest = createRequire(join(codeFolder(), 'addon.js')).resolve('kvfile/package.json')
    return join(dirname(manifest), 'dist/engine')
  } catch (cause) {
    throw unavailable(
      `the SQLite engine of kvfile is not found from ${codeFolder()}`,
      'in a bundled program keep kvfile external and install it beside the program, or run Node 22.13 or newer, which has SQLite built in',
      cause,
    )
  }
}

/** Where an addon lies. Throws `KV_UNAVAILABLE` where the package has none for this platform. */
function packedIn(folder: string, name: string): Packed {
  const manifest = existsSync(join(folder, MANIFEST)) ? readFileSync(join(folder, MANIFEST), 'utf8') : '{}'
  const packed = (JSON.parse(manifest) as Readonly<Record<string, Packed>>)[name]
  if (packed === undefined) throw unavailable(`${folder} has no SQLite engine for ${platformOf(name)}`, BUILT_IN)
  return packed
}

/** `linux-x64-musl` of an addon, `linux-x64` of an archive. */
function platformOf(name: string): string {
  return basename(name).replace(/\.(node|br)$/, '')
}

/** Where programs keep what they can make again. */
function cacheFolder(): string {
  const named = process.env['XDG_CACHE_HOME'] ?? ''
  return join(isAbsolute(named) ? named : join(process.getBuiltinModule('node:os').homedir(), '.cache'), 'kvfile')
}

/** Whether a file or folder is there, is this user's own, and nobody else may write it. */
function isPrivate(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.isSymbolicLink()) return false
  const user = process.geteuid?.()
  return user === undefined || (stat.uid === user && (stat.mode & 0o022) === 0)
}

/** Unpacks an archive to the first of two places that can be written: beside it, or in the user's cache. */
function unpack(archive: string, packed: Packed, [beside, cached]: [string, string]): string {
  if (!existsSync(archive))
    throw unavailable(
      `the SQLite engine for ${platformOf(archive)} is not in this kvfile, which was installed on another platform`,
      `npm ci (or npm install -g kvfile) on this machine; ${BUILT_IN}`,
    )
  const addon = decompressed(archive, packed)
  if (addon === undefined || process.getBuiltinModule('node:crypto').hash('sha256', addon) !== packed.sha256)
    throw unavailable(`${archive} is damaged`, 'install kvfile again: npm ci (or npm install -g kvfile)')
  try {
    return place(beside, addon, statSync(archive).mode & 0o777)
  } catch {
    // A folder that cannot be written.
  }
  const folder = dirname(cached)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!isPrivate(folder)) throw new Error('it belongs to another user, or others may write it')
    return place(cached, addon, 0o600)
  } catch (error) {
    throw unavailable(
      `the SQLite engine can be unpacked neither in ${dirname(beside)} nor in ${folder}: ${reasonOf(error)}`,
      'name a folder that can be written in XDG_CACHE_HOME, or run npm rebuild kvfile as the user who installed it',
      error,
    )
  }
}

function decompressed(archive: string, { start, bytes }: Packed): Uint8Array | undefined {
  try {
    const all = process.getBuiltinModule('node:zlib').brotliDecompressSync(readFileSync(archive))
    return withDistances(all.subarray(start, start + bytes), basename(archive).includes('x64') ? 'x64' : 'arm64')
  } catch {
    return undefined
  }
}

/** Writes a file whole, on disk before it has its name. Another process that is quicker has written the same. */
function place(file: string, bytes: Uint8Array, mode: number): string {
  const temporary = `${file}.${process.pid}.${process.hrtime.bigint()}`
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode, flush: true })
    chmodSync(temporary, mode)
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  return file
}

function unavailable(message: string, hint: string, cause?: unknown): KvError {
  return new KvError('KV_UNAVAILABLE', message, { cause, hint })
}
