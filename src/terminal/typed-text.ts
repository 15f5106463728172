import { isUtf8 } from 'node:buffer'
import { type KvError, usageError } from '../errors.ts'

/**
 * Text as it was typed or pasted. A byte that is not UTF-8 is kept as half a surrogate pair, U+DC00 and the byte, which
 * no text can hold otherwise: so it can be shown and deleted, and is refused where the text is used.
 */
export type TypedText = string

const STRAY = 0xdc00

/** Text of bytes that somebody typed, whatever they are. */
export function decodeTyped(bytes: Buffer): TypedText {
  if (isUtf8(bytes)) return bytes.toString()
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const character = bytes.subarray(at, at + utf8Length(bytes[at]!))
    if (isUtf8(character)) {
      text += character.toString()
      at += character.length
    } else text += String.fromCharCode(STRAY + bytes[at++]!)
  }
  return text
}

/** How many bytes a character of UTF-8 takes that begins with this byte; 1 where none begins so. */
export function utf8Length(first: number): number {
  return first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc0 && first < 0xe0 ? 2 : 1
}

/** The byte that a piece of {@link TypedText} stands for; `undefined` for a character. */
export function strayByte(piece: string): number | undefined {
  const code = piece.charCodeAt(0)
  return piece.length === 1 && code >= STRAY + 0x80 && code <= STRAY + 0xff ? code - STRAY : undefined
}

/** What is wrong with a text that is not UTF-8, `KV_USAGE` with the place; `undefined` for one that is. */
export function refusal(text: TypedText, name = ''): KvError | undefined {
  if (text.isWellFormed()) return undefined
  const lines = text.slice(0, text.search(/\p{Surrogate}/u)).split('\n')
  const line = lines.length > 1 || name !== '' ? `${name || 'line'}:${lines.length}: ` : ''
  return usageError(
    `${line}invalid UTF-8 at column ${[...lines.at(-1)!].length + 1}`,
    'set the terminal to UTF-8; other bytes can be given as hex, with --key-encoding hex or --value-encoding hex',
  )
}
