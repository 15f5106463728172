import { existsSync } from 'node:fs'
import { basename, isAbsolute, resolve } from 'node:path'
import { KvError, usageError } from '../errors.ts'
import { quoteWord } from '../shell-quote.ts'

/** Where a store is, taken apart. */
export interface Location {
  /** Which driver: `file`, `memory`, `http` and so on, in lower case. */
  readonly scheme: string
  /** Of `file`: the path, as it was given. */
  readonly path: string | undefined
  /** Whether the store lives elsewhere: not in a file of this machine, nor in this process. */
  readonly isRemote: boolean
}

/**
 * Takes a location apart: a path, a `file:` URL, or anything with a scheme of two letters or more (so
 * that `C:\store.kv` stays a path). Throws `KV_USAGE` for what can be no file.
 */
export function parseLocation(location: string): Location {
  const scheme = schemeOf(location)
  return {
    scheme,
    path: scheme === 'file' ? pathOf(location) : undefined,
    isRemote: scheme !== 'file' && scheme !== 'memory',
  }
}

/** The same location for another working folder. Throws what {@link parseLocation} throws. */
export function absoluteLocation(location: string): string {
  const { path } = parseLocation(location)
  return path === undefined ? location : resolve(path)
}

/** A location that names hosts, taken apart: `SCHEME://[USER@]HOST[:PORT],.../PATH[?QUERY]`. Nothing in it is decoded. */
export interface HostLocation {
  readonly user: string | undefined
  readonly hosts: readonly string[]
  /** Without the slash before it. */
  readonly path: string
  readonly query: string | undefined
}

/** Takes a location with hosts apart; `undefined` for what is none. */
export function hostLocation(location: string): HostLocation | undefined {
  const match = /^[a-z][a-z0-9+.-]+:\/\/(?:([^/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(location)
  if (match === null) return undefined
  const [, user, hosts, path = '', query] = match
  return { user, hosts: hosts!.split(','), path, query }
}

/** A store by its location and, on this machine, its files. */
interface NamedStore {
  readonly location: string
  readonly files?: readonly string[] | undefined
}

/**
 * Whether two stores are the same one: by their files on this machine, or by their locations, in which a slash at the end
 * counts for nothing; of a cluster, when they have the path and one host in common.
 */
export function isSameStore(a: NamedStore, b: NamedStore): boolean {
  const file = a.files?.[0]
  if (file !== undefined && file === b.files?.[0]) return true
  const bare = (text: string): string => text.replace(/\/+$/, '')
  if (bare(a.location) === bare(b.location)) return true
  if (schemeOf(a.location) !== 'etcd' || schemeOf(b.location) !== 'etcd') return false
  const [one, other] = [hostLocation(a.location), hostLocation(b.location)]
  if (one === undefined || other === undefined || bare(one.path) !== bare(other.path)) return false
  const address = (host: string): string => host.toLowerCase().replace(/:2379$/, '')
  return one.hosts.some((host) => other.hosts.some((it) => address(it) === address(host)))
}

/** The user that a location names without the file of the password; not of a kv server, which knows none. */
export function userWithoutPassword(location: string): string | undefined {
  const parts = schemeOf(location).startsWith('http') ? undefined : hostLocation(location)
  return parts?.user === '' || /(^|&)password-file=/.test(parts?.query ?? '') ? undefined : parts?.user
}

/** What a location is called in a few letters: the name of the file, the first of several hosts and the path, or the location. */
export function shortLocation(location: string): string {
  const scheme = schemeOf(location)
  if (scheme === 'file') return basename(location)
  const parts = scheme === 'etcd' ? hostLocation(location) : undefined
  if (parts === undefined) return location
  const { hosts, path } = parts
  return `${scheme}://${hosts[0]}${hosts.length > 1 ? ',\u2026' : ''}/${path}`
}

/**
 * A path that stays the same file whatever the working folder is later. Throws `KV_UNAVAILABLE` when the path
 * is relative to a folder that is gone.
 */
export function absolutePath(path: string): string {
  if (isAbsolute(path)) return resolve(path)
  let folder: string
  try {
    folder = process.cwd()
  } catch (cause) {
    throw new KvError('KV_UNAVAILABLE', `cannot open ${path}: the working folder is gone`, {
      cause,
      hint: 'cd to a folder that is there, or write the whole path',
    })
  }
  // A folder whose name is not UTF-8 has no path of text; Linux has another name for it.
  return folder.includes('\ufffd') && existsSync('/proc/self/cwd') && !existsSync(folder)
    ? `/proc/self/cwd/${path}`
    : resolve(folder, path)
}

function schemeOf(location: string): string {
  return /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase() ?? 'file'
}

function pathOf(location: string): string {
  const path = namedPath(location)
  if (path.endsWith('/'))
    throw usageError(`${location} names a folder`, `name a file in it, such as ${quoteWord(`${location}default.kv`)}`)
  return path
}

function namedPath(location: string): string {
  if (location === '') throw usageError('the store location is empty', 'give a path with --store or KV_STORE')
  if (location.includes('\0')) throw usageError('the store location holds a NUL byte')
  if (!/^file:/i.test(location)) return location
  if (!/^file:\/\//i.test(location)) return location.slice('file:'.length)
  try {
    const url = new URL(location)
    if (url.host !== '' && url.host !== 'localhost') throw new Error(`host ${url.host}`)
    return decodeURIComponent(url.pathname)
  } catch (cause) {
    throw new KvError('KV_USAGE', `not a local file URL: ${location}`, { cause })
  }
}
