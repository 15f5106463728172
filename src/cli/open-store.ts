import { openDriver } from '../drivers/index.ts'
import { parseLocation } from '../drivers/location.ts'
import { type GlobalOptions, readToken } from './options.ts'
import type { Driver } from '../store/driver.ts'
import { Store } from '../store/store.ts'

/** What a store is opened with besides the global options. */
export interface OpenByOptions {
  /** False for `--no-sync`. */
  readonly sync?: boolean | undefined
  /** Stops the opening: a server may take its time. */
  readonly signal?: AbortSignal | undefined
  /** Puts a driver around the store's own. */
  readonly wrap?: ((driver: Driver) => Driver) | undefined
}

/**
 * Opens the store that the global options name, with all that they say of it: the one place that does, for
 * commands, sessions and benchmarks alike. Throws what `openDriver` throws, and `KV_USAGE` for a token that is none.
 */
export async function openByOptions(
  globals: GlobalOptions,
  { sync, signal, wrap = (driver) => driver }: OpenByOptions = {},
): Promise<Store> {
  const { store, storeIsDefault, lockTimeoutMs, timeoutMs } = globals
  const token = parseLocation(store).isRemote ? readToken(globals) : undefined
  const driver = await openDriver(store, { sync, signal, lockTimeoutMs, timeoutMs, makeFolder: storeIsDefault, token })
  return new Store(store, wrap(driver))
}
