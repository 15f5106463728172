import { usageError } from './errors.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a time as {@link parseDuration} reads it, whole ones, at least one unless it is 0; `undefined` when
 * the text is none.
 */
export function durationMs(text: string): number | undefined {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? []
  if (number === '') return undefined
  return Number(number) === 0 ? 0 : Math.max(1, Math.round(Number(number) * UNITS[unit]!))
}

/**
 * Milliseconds of a time such as `500ms 90s 10m 2h 7d`; a plain number is seconds, and a fraction is fine (`1.5h`).
 * Throws `KV_USAGE` naming `what` for anything else, and for nothing (0) unless `zero` allows it.
 */
export function parseDuration(text: string, what: string, { zero = false } = {}): number {
  const ms = durationMs(text)
  if (ms === undefined || !Number.isSafeInteger(Date.now() + ms) || (ms === 0 && !zero)) {
    throw usageError(`not a ${what}: ${text}`, 'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds')
  }
  return ms
}
