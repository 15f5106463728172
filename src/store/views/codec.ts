import { decodeUtf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { type KeyInput, kindOf } from '../input.ts'

/** How keys or values of a type are stored: two functions. */
export interface Codec<T> {
  /** The bytes, or the text, that stand for a value. What it throws, the view throws. */
  encode(value: T, what: 'key' | 'value'): KeyInput
  /** The value of stored bytes, which may be kept. When it throws, the view throws `KV_NOT_TEXT` with that as the cause. */
  decode(bytes: Uint8Array): T
}

/** Why stored bytes are not what a codec of kv reads: the end of a sentence. */
export class Undecodable extends Error {}

/** Bytes as they are. */
export const bytesCodec: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes }

/** Text, stored as UTF-8. */
export const textCodec: Codec<string> = {
  encode(text: unknown, what) {
    if (typeof text === 'string') return text
    const code = what === 'key' ? 'KV_INVALID_KEY' : 'KV_USAGE'
    const hint = 'for bytes use the store itself, or a view with bytesCodec'
    throw new KvError(code, `a ${what} is a string here, not ${kindOf(text)}`, { hint })
  },
  decode(bytes) {
    const text = decodeUtf8(bytes)
    if (text === undefined) throw new Undecodable('is not UTF-8')
    return text
  },
}

const JSON_CODEC: Codec<unknown> = {
  encode: jsonOf,
  decode: (bytes) => parsedJson(textCodec.decode(bytes)),
}

/** What JSON can hold, stored as its text; that stored JSON is a `T` is the word of the caller. */
export function jsonCodec<T = unknown>(): Codec<T> {
  return JSON_CODEC as Codec<T>
}

/** The value of a JSON text. Throws {@link Undecodable}. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new Undecodable('is not JSON', { cause })
  }
}

/** The JSON of a value. Throws `KV_USAGE` for what has none. */
export function jsonOf(value: unknown): string {
  const noJson = (why = '', cause?: unknown): KvError =>
    new KvError('KV_USAGE', `${kindOf(value)} has no JSON${why}`, { cause })
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    // V8 draws a circle on lines of its own.
    throw noJson(cause instanceof Error ? `: ${cause.message.split('\n', 1)[0]!}` : '', cause)
  }
  if (json === undefined) throw noJson()
  return json
}
