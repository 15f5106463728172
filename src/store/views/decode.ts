import { decodeUtf8, encode } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { type KeyInput, bytesOf } from '../input.ts'
import { type Codec, Undecodable } from './codec.ts'

/** What stored bytes stand for. Throws `KV_NOT_TEXT`, which names the key, where the codec cannot read them. */
export function decoded<T>(codec: Codec<T>, bytes: Uint8Array, what: 'key' | 'value', key: KeyInput): T {
  try {
    return codec.decode(bytes)
  } catch (error) {
    throw notDecoded(error, what, key)
  }
}

/** The error for stored bytes that a codec could not read. */
export function notDecoded(error: unknown, what: 'key' | 'value', key: KeyInput): KvError {
  const known = error instanceof Undecodable
  const why = known ? error.message : `cannot be decoded: ${error instanceof Error ? error.message : String(error)}`
  return new KvError('KV_NOT_TEXT', `the ${what === 'key' ? 'key' : 'value of'} ${shownKey(key)} ${why}`, {
    hint: 'the store itself reads it as bytes',
    cause: known ? error.cause : error,
  })
}

/** A key as messages show it: text in quotes, other bytes in hexadecimal. */
function shownKey(key: KeyInput): string {
  const bytes = bytesOf(key, 'KV_INVALID_KEY', 'key')
  const text = decodeUtf8(bytes)
  return text === undefined ? `0x${encode(bytes, 'hex')}` : JSON.stringify(text)
}
