import { durationMs } from '../duration.ts'
import { LATEST_EXPIRY } from '../store/expiry.ts'

/** Longest text of a time to live or a timestamp that is looked at: more than any that is right. */
export const LONGEST_TIME = 200

/**
 * RFC 3339, section 5.6: `date-time`, with the space its note allows in place of the `T`, and with the shorter offsets
 * of ISO 8601 that PostgreSQL, DuckDB and `strftime` write: `+00`, `+0200`.
 */
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/

/** A JSON number (RFC 8259, section 6). */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * When an entry with this time to live or this timestamp ends, in whole milliseconds since 1970; `undefined` when it has neither.
 * Returns the reason as text when they are wrong. `now` tells the time that a time to live counts from.
 */
export function expiryOf(ttl: string | undefined, timestamp: string | undefined, now: () => number): number | string | undefined {
  if (ttl === undefined) return timestamp === undefined ? undefined : expiryOfTimestamp(timestamp)
  return timestamp === undefined ? expiryOfTtl(ttl, now()) : 'both ttl and expires'
}

/**
 * When an entry ends that lives for a time from `now` (whole milliseconds since 1970): seconds in JSON notation, or a time
 * such as `10m`. Rounded to whole milliseconds, at least one from now, and not past the year 9999, which no timestamp could write.
 */
function expiryOfTtl(ttl: string, now: number): number | string {
  const ms = NUMBER.test(ttl) ? Number(ttl) * 1000 : (durationMs(ttl) ?? Number.NaN)
  if (!(ms > 0)) return 'ttl is not a positive number of seconds, or a time such as 10m'
  const expires = now + Math.max(1, Math.round(ms))
  return expires <= LATEST_EXPIRY ? expires : 'ttl reaches past the year 9999'
}

/**
 * The moment an RFC 3339 timestamp names, in whole milliseconds since 1970 (a finer fraction is cut
 * off; a leap second counts as the second after it). Returns the reason as text when it is none.
 */
function expiryOfTimestamp(timestamp: string): number | string {
  const reason = 'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z'
  const match = TIMESTAMP.exec(timestamp)
  if (match === null) return reason
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const offsetHour = Number(match[9] ?? 0)
  const offsetMinute = Number(match[10] ?? 0)
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return reason
  const date = new Date(0)
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return reason
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute)
  const milliseconds = Math.floor(Number(`0${match[7] ?? ''}`) * 1000)
  const expires = date.setUTCHours(hour, minute - offset, second, milliseconds)
  return expires <= LATEST_EXPIRY ? expires : 'expires is past the year 9999'
}
