import { durationMs } from '../duration.ts'
import { usageError } from '../errors.ts'
import type { Moment } from '../store/driver/history.ts'
import { EARLIEST_EXPIRY, LATEST_EXPIRY } from '../store/expiry.ts'

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
 * When an entry with this time to live or this timestamp ends, as a {@link Block} tells it: whole milliseconds since
 * 1970, or the time to live in milliseconds with its sign turned; `undefined` when it has neither. Returns the reason
 * as text when they are wrong. `now` tells the time, from which a time to live must not reach past the year 9999.
 */
export function expiryOf(
  ttl: string | undefined,
  timestamp: string | undefined,
  now: () => number,
): number | string | undefined {
  if (ttl === undefined) return timestamp === undefined ? undefined : expiryOfTimestamp(timestamp)
  return timestamp === undefined ? expiryOfTtl(ttl, now()) : 'both ttl and expires'
}

/**
 * A time to live, seconds in JSON notation or a time such as `10m`, in milliseconds with its sign turned. Rounded to
 * whole ones, at least one, and not past the year 9999, which no timestamp could write.
 */
function expiryOfTtl(text: string, now: number): number | string {
  const ms = NUMBER.test(text) ? Number(text) * 1000 : (durationMs(text) ?? Number.NaN)
  if (!(ms > 0)) return 'ttl is not a positive number of seconds, or a time such as 10m'
  const ttl = Math.max(1, Math.round(ms))
  return now + ttl <= LATEST_EXPIRY ? -ttl : 'ttl reaches past the year 9999'
}

/**
 * The moment an RFC 3339 timestamp names, in whole milliseconds since 1970 (a finer fraction is cut off; a leap
 * second counts as the second after it). One before 2001, as in an old export, is that: the entry has expired either
 * way. Returns the reason as text when it is none.
 */
function expiryOfTimestamp(timestamp: string): number | string {
  const reason = 'expires is not an RFC 3339 time such as 2030-01-31T12:00:00Z'
  const match = TIMESTAMP.exec(timestamp)
  if (match === null) return reason
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
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
  return expires <= LATEST_EXPIRY ? Math.max(expires, EARLIEST_EXPIRY) : 'expires is past the year 9999'
}

/** A revision, an RFC 3339 time, or a time such as `10m`, which is so long ago. Throws `KV_USAGE`. */
export function parseMoment(text: string, option: string): Moment {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { revision: Number(text) }
  const ago = durationMs(text)
  if (ago !== undefined) return { time: Math.max(0, Date.now() - ago) }
  const time = expiryOf(undefined, text, Date.now)
  if (typeof time === 'number') return { time }
  throw usageError(
    `${option} is a revision or a time, not ${text}`,
    'a revision as kv history KEY prints it, 10m for ten minutes ago, or 2030-01-31T12:00:00Z',
  )
}
