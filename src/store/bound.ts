import { KvError } from '../errors.ts'
import type { Entry } from './driver.ts'

/**
 * Lets entries through one after the other while they take at most `maxBytes` together, keys and
 * values; throws `KV_TOO_LARGE` for the one that is too much.
 */
export function withinBytes(maxBytes = Infinity): <E extends Entry | undefined>(entry: E) => E {
  let bytes = 0
  return (entry) => {
    if (entry !== undefined) bytes += entry.key.length + entry.value.length
    if (bytes > maxBytes) throw new KvError('KV_TOO_LARGE', `the entries asked for are over the limit of ${maxBytes} bytes for one answer`, { hint: 'ask for fewer keys at a time' })
    return entry
  }
}
