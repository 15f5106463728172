import { LATEST_EXPIRY } from '../store/expiry.ts'

/** RFC 3339, section 5.6: `date-time`, with the space its note allows in place of the `T`. */
const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/** A JSON number (RFC 8259, section 6). */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * When an entry ends that lives for a number of seconds from `now` (whole milliseconds since 1970):
 * milliseconds since 1970, rounded to whole ones, at least one from now. Returns the reason as text when `seconds` is no positive number
 * in JSON notation, or reaches past the year 9999, which no timestamp could write.
 */
export function expiryOfTtl(seconds: string, now: number): number | string {
  const ttl = NUMBER.test(seconds) ? Number(seconds) : Number.NaN
  if (!(ttl > 0)) return 'ttl is not a positive number of seconds'
  const expires = now + Math.max(1, Math.round(ttl * 1000))
  return expires <= LATEST_EXPIRY ? expires : 'ttl reaches past the year 9999'
}

/**
 * The moment an RFC 3339 timestamp names, in whole milliseconds since 1970 (a finer fraction is cut
 * off; a leap second counts as the second after it). Returns the reason as text when it is none.
 */
export function expiryOfTimestamp(timestamp: string): number | string {
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
