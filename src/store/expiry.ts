import { usageError } from '../errors.ts'
import type { Lifetime } from './driver/entry.ts'
import { shown } from './input.ts'

/** The last moment an entry can expire, in milliseconds since 1970: RFC 3339 writes years of four digits. */
export const LATEST_EXPIRY = Date.UTC(10_000, 0, 1) - 1

/** The first: before it, a number is rather one of seconds than a moment that somebody means. */
export const EARLIEST_EXPIRY = Date.UTC(2001, 0, 1)

/** When an entry ends that is written `now`, in milliseconds since 1970; `undefined`: never. */
export function expiryOf({ expires, ttl }: Lifetime, now: number): number | undefined {
  return ttl === undefined ? expires : Math.min(now + ttl, LATEST_EXPIRY)
}

/** Throws `KV_USAGE` for a lifetime that is none. */
export function checkLifetime({ expires, ttl }: Lifetime): void {
  if (ttl !== undefined) {
    if (expires !== undefined) throw usageError('ttl and expires exclude each other')
    if (!(Number.isSafeInteger(ttl) && ttl > 0))
      throw usageError(`a time to live must be whole milliseconds, 1 or more, not ${shown(ttl)}`)
    if (ttl > LATEST_EXPIRY - Date.now()) throw afterYear9999()
  }
  if (expires === undefined) return
  if (!Number.isSafeInteger(expires) || expires < EARLIEST_EXPIRY)
    throw usageError(`not a moment at which an entry can expire: ${shown(expires)}`, 'milliseconds since 1970')
  if (expires > LATEST_EXPIRY) throw afterYear9999()
}

/** The lifetime of an input, rounded up to the engine's step. Throws `KV_USAGE` for one that is none. */
export function lifetimeOf(
  { expires, ttl }: { readonly expires?: number | Date | undefined; readonly ttl?: number | undefined },
  stepMs: number,
): Lifetime {
  const lifetime = { expires: expires instanceof Date ? expires.getTime() : expires, ttl }
  checkLifetime(lifetime)
  return roundedUp(lifetime, stepMs)
}

/** A lifetime in whole steps of so many milliseconds, not shorter than it was, within the years of four digits. */
export function roundedUp(lifetime: Lifetime, stepMs: number): Lifetime {
  if (stepMs === 1) return lifetime
  const { expires, ttl } = lifetime
  const up = (time: number | undefined): number | undefined => time && Math.ceil(time / stepMs) * stepMs
  const latest = Math.floor(LATEST_EXPIRY / stepMs) * stepMs
  return { expires: expires && Math.min(up(expires)!, latest), ttl: up(ttl) }
}

function afterYear9999(): Error {
  return usageError('an expiry after the year 9999 cannot be written as a time')
}
