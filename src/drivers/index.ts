import { KvError, usageError } from '../errors.ts'
import type { Driver } from '../store/driver.ts'
import type { OpenOptions } from './options.ts'

type Opener = (location: string, options: OpenOptions) => Promise<Driver>

/** The only list of drivers: scheme of a location to a lazy import. */
const SCHEMES = {
  async file(location, options) {
    const { SqliteDriver } = await import('./sqlite/driver.ts')
    return SqliteDriver.open(pathOf(location), options)
  },
  async memory(_location, options) {
    const { MemoryDriver } = await import('./memory/driver.ts')
    return new MemoryDriver(options.clock)
  },
  http: openHttp,
  https: openHttp,
} satisfies Record<string, Opener>

async function openHttp(location: string, options: OpenOptions): Promise<Driver> {
  const { HttpDriver } = await import('./http/driver.ts')
  return HttpDriver.open(location, options)
}

/**
 * Opens the driver for a location: `memory:`, `http://HOST:PORT` of a `kv serve`, or one local data
 * file as a path or `file:` URL.
 * Throws `KV_USAGE` for a scheme no driver has, `KV_UNAVAILABLE` and its kin when it cannot open.
 */
export async function openDriver(location: string, options: OpenOptions = {}): Promise<Driver> {
  // A scheme has two letters or more, so that `C:\store.kv` stays a path.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1]?.toLowerCase() ?? 'file'
  if (!Object.hasOwn(SCHEMES, scheme)) {
    const known = Object.keys(SCHEMES).map((name) => `${name}:`)
    throw usageError(`no driver for ${scheme}: stores`, `a path, or one of ${known.join(' ')}; for a file of that name, use ./${location}`)
  }
  return SCHEMES[scheme as keyof typeof SCHEMES](location, options)
}

function pathOf(location: string): string {
  if (location === '') throw usageError('the store location is empty', 'give a path with --store or KV_STORE')
  if (location.includes('\0')) throw usageError('the store location holds a NUL byte')
  if (!/^file:/i.test(location)) return location
  if (!location.startsWith('file://')) return location.slice('file:'.length)
  try {
    const url = new URL(location)
    if (url.host !== '' && url.host !== 'localhost') throw new Error(`host ${url.host}`)
    return decodeURIComponent(url.pathname)
  } catch (cause) {
    throw new KvError('KV_USAGE', `not a local file URL: ${location}`, { cause })
  }
}
