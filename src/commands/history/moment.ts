import { durationMs } from '../../duration.ts'
import { usageError } from '../../errors.ts'
import { expiryOf } from '../../formats/expiry.ts'
import type { Moment } from '../../store/driver/history.ts'

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
