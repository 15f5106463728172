import { KvError } from '../errors.ts'
import { displayKey } from '../safe-text.ts'

/** The error of keys that are not there. */
export function notFound(keys: readonly Uint8Array[]): KvError {
  return new KvError(
    'KV_NOT_FOUND',
    `${keys.length === 1 ? 'key' : 'keys'} not found: ${keys.map(displayKey).join(', ')}`,
  )
}
