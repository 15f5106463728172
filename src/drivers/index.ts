import { KvError, usageError } from '../errors.ts'
import type { Driver } from '../store/driver/driver.ts'
import { type Location, parseLocation } from './location.ts'
import { type OpenOptions, refuseOptions } from './options.ts'

type Opener = (location: string, options: OpenOptions, path: Location['path']) => Promise<Driver>

/** The only list of drivers: scheme of a location to a lazy import. */
const SCHEMES = {
  async file(_location, options, path) {
    refuseOptions(options, 'sqlite', ['credentials'])
    const { SqliteDriver } = await import('./sqlite/driver.ts')
    return SqliteDriver.open(path!, options)
  },
  async memory(_location, options) {
    refuseOptions(options, 'memory', ['credentials', 'makeFolder'])
    const { MemoryDriver } = await import('./memory/driver.ts')
    return new MemoryDriver(options.clock, options.maxEntries)
  },
  async etcd(location, options) {
    refuseOptions(options, 'etcd', ['makeFolder', 'cache', 'maxEntries'])
    const { EtcdDriver } = await import('./etcd/driver.ts')
    return EtcdDriver.open(location, options)
  },
  http: openHttp,
  https: openHttp,
} satisfies Record<string, Opener>

async function openHttp(location: string, options: OpenOptions): Promise<Driver> {
  refuseOptions(options, 'http', ['clock', 'makeFolder', 'cache'])
  if (options.maxEntries !== undefined)
    throw new KvError('KV_NOT_SUPPORTED', `${location} has the bound that its own store was made with`, {
      hint: `it is given where the store is served: kv serve --max-entries ${options.maxEntries}`,
    })
  const { HttpDriver } = await import('./http/driver.ts')
  return HttpDriver.open(location, options)
}

/**
 * Opens the driver for a location: `memory:`, `http://HOST:PORT` of a `kv serve`, `etcd://HOST:PORT/PREFIX`, or one local data file as a path or
 * `file:` URL. Throws `KV_USAGE` for a scheme no driver has, `KV_UNAVAILABLE` and its kin when it cannot open.
 */
export async function openDriver(location: string, options: OpenOptions = {}): Promise<Driver> {
  const { scheme, path } = parseLocation(location)
  if (!Object.hasOwn(SCHEMES, scheme)) {
    const known = Object.keys(SCHEMES).map((name) => `${name}:`)
    throw usageError(
      `no driver for ${scheme}: stores`,
      `a path, or one of ${known.join(' ')}; for a file of that name, use ./${location}`,
    )
  }
  return SCHEMES[scheme as keyof typeof SCHEMES](location, options, path)
}
