import { type Encoding, decodeUtf8, encode, textParts } from './bytes.ts'

// C0 and C1 controls, DEL, bidirectional controls, line and paragraph separators, and the
// byte order mark: what can move a cursor, run a terminal's commands or reorder the text around it.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const UNSAFE_BUT_LAYOUT = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }

function escapeOne(char: string): string {
  const code = char.charCodeAt(0)
  return NAMED[char] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
}

/** Text safe for a terminal, on one line. */
export function escapeLine(text: string): string {
  return text.replace(UNSAFE, escapeOne)
}

/** Text safe for a terminal; line feeds and tabs stay. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE_BUT_LAYOUT, escapeOne)
}

/** JSON text safe for a terminal and still the same JSON: what could do harm becomes `\uNNNN`. */
export function escapeJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Text in parts that are safe for a terminal, by how a format escapes what is not. */
export function* safeParts(
  parts: Iterable<Uint8Array>,
  escape: (text: string) => string,
): Generator<Buffer, void, void> {
  for (const part of parts) for (const text of textParts(part)) yield Buffer.from(escape(text))
}

/** A number of things, for people: `1 key`, `12,403 keys`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

/** A size for people: `999 B`, `1.2 kB`, `12 kB`, `3.4 MB`; decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

/** What is shown in place of so many bytes that are no text. */
export function binary(size: number): string {
  return `(binary, ${formatBytes(size)})`
}

/** A key on one line, safe for a terminal, written in an encoding; one that is no text in hex, after `hex:`. */
export function keyLine(key: Uint8Array, encoding: Encoding): string {
  const text = encoding === 'utf8' ? decodeUtf8(key) : encode(key, encoding)
  return text === undefined ? `hex:${encode(key, 'hex')}` : escapeLine(text)
}

/** A key for a message: escaped text, or `hex:` and its bytes; cut after 60 characters. */
export function displayKey(key: Uint8Array): string {
  const shown = keyLine(key, 'utf8')
  return shown.length > 60 ? `${shown.slice(0, 59)}…` : shown
}
