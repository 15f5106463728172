import { type Command, InvalidArgumentError, Option } from 'commander'
import { ENCODINGS, type Encoding, decode } from '../bytes.ts'
import { KvError, usageError } from '../errors.ts'
import { escapeLine } from '../output/escape.ts'

/** The flags of a command that takes keys. */
export interface KeyFlags {
  keyEncoding: Encoding
}

/** The flags of a command that takes or prints values. */
export interface ValueFlags {
  valueEncoding: Encoding
}

/** How keys are written in arguments and output. */
export function keyEncodingOption(): Option {
  return new Option('--key-encoding <encoding>', 'how keys are written').choices(ENCODINGS).default('utf8')
}

/** How values are written in arguments, input and output. */
export function valueEncodingOption(): Option {
  return new Option('--value-encoding <encoding>', 'how values are written').choices(ENCODINGS).default('utf8')
}

/** Adds `--no-sync` to a command that writes. */
export function withSync(command: Command): Command {
  return command.option('--no-sync', 'do not wait for the disk: faster, and a power loss can take the newest writes')
}

/** The bytes of a key argument. Throws `KV_INVALID_KEY`. */
export function parseKey(text: string, encoding: Encoding): Uint8Array {
  const key = decode(text, encoding)
  if (key === undefined) throw new KvError('KV_INVALID_KEY', `not a key in ${encoding}: ${text}`)
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
  if (value === undefined) throw usageError(`the value is not ${encoding}`)
  return value
}

/** A whole number of 0 or more, for commander. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError(`not a whole number of 0 or more: ${escapeLine(text)}`)
  return count
}
