import { type Encoding, decode } from '../../bytes.ts'
import { KvError, usageError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'

/** The flags of a command that takes keys. */
export interface KeyFlags {
  keyEncoding: Encoding
}

/** The flags of a command that takes or prints values. */
export interface ValueFlags {
  valueEncoding: Encoding
}

/** The bytes of a key argument. Throws `KV_INVALID_KEY`. */
export function parseKey(text: string, encoding: Encoding): Uint8Array {
  const key = decode(text, encoding)
  if (key === undefined)
    throw new KvError('KV_INVALID_KEY', `not a key in ${encoding}: ${text}`, { hint: howToWrite(encoding) })
  if (key.length === 0) throw new KvError('KV_INVALID_KEY', 'the empty key cannot be stored')
  return key
}

/** The bytes of a range bound, which may be empty. Throws `KV_INVALID_KEY`. */
export function parseBound(text: string, encoding: Encoding): Uint8Array {
  return text === '' ? new Uint8Array() : parseKey(text, encoding)
}

/** The bytes of a value argument. Throws `KV_USAGE`. */
export function parseValue(text: string, encoding: Encoding): Uint8Array {
  const value = decode(text, encoding)
  if (value === undefined) throw usageError(`the value is not ${encoding}`, howToWrite(encoding))
  return value
}

function howToWrite(encoding: Encoding): string | undefined {
  return encoding === 'hex' ? 'two hex digits for each byte, such as 00ff' : undefined
}

/** The value of `--limit`: a whole number of 0 or more. Throws `KV_USAGE`. */
export function parseLimit(text: string): number {
  return wholeNumber(text, '--limit')
}

/** The value of an option that is a whole number of `least` or more. Throws `KV_USAGE` with the option's name. */
export function wholeNumber(text: string, option: string, least = 0): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < least)
    throw usageError(`${option} wants a whole number of ${least} or more, not ${text}`)
  return number
}

/** The error of keys that are not there. */
export function notFound(keys: readonly Uint8Array[]): KvError {
  const names = keys.map(displayKey).join(', ')
  return new KvError('KV_NOT_FOUND', `${keys.length === 1 ? 'key' : 'keys'} not found: ${names}`)
}
