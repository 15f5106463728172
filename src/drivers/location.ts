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

/** Whether two stores are the same one: by their files on this machine, or by their locations, in which a slash at the end counts for nothing. */
export function isSameStore(
  a: { readonly location: string; readonly files?: readonly string[] | undefined },
  b: { readonly location: string; readonly files?: readonly string[] | undefined },
): boolean {
  const file = a.files?.[0]
  const bare = (location: string): string => location.replace(/\/+$/, '')
  return (file !== undefined && file === b.files?.[0]) || bare(a.location) === bare(b.location)
}

/** The user that a location names without the file of the password; not of a kv server, which knows none. */
export function userWithoutPassword(location: string): string | undefined {
  const [, user] = /^(?!http)[a-z][a-z0-9+.-]*:\/\/([^/?#@]+)@/i.exec(location) ?? []
  return /[?&]password-file=/.test(location) ? undefined : user
}

/** What a location is called in a few letters: the name of the file, or the location itself. */
export function shortLocation(location: string): string {
  return schemeOf(location) === 'file' ? basename(location) : location
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
