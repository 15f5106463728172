import { isUtf8 } from 'node:buffer'
import { JsonScanner } from './scanner.ts'

/**
 * The bytes of a value that may stand in JSON Lines as JSON and read back exactly, or
 * `undefined`: text that is not JSON, that spans lines, that has blanks around it, that escapes half a
 * surrogate pair, or that is itself a JSON string (which would read back without its quotes) is written as a string.
 */
export function jsonSource(value: Uint8Array): Uint8Array | undefined {
  const first = value[0]
  const last = value[value.length - 1]
  if (first === undefined || first === 0x22 || first <= 0x20 || last === undefined || last <= 0x20) return undefined
  if (value.includes(0x0a) || value.includes(0x0d) || !isUtf8(value)) return undefined
  // What reads it back decides, not JSON.parse, which takes more and makes strings of it all.
  const scanner = new JsonScanner()
  scanner.reset(value, value.length)
  return scanner.value(0) === value.length ? value : undefined
}
