import { isUtf8 } from 'node:buffer'
import { asBuffer, decodeEncoded, encodedLength } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { JsonScanner } from './scanner.ts'
import { decodeInPlace } from './string.ts'
import type { Change } from '../../store/driver/entry.ts'

/**
 * The change that the data of an event says, `{"key":"user:1","value":"Ada","revision":7}`. Decodes in place, since the
 * text of a long value would be no string of JavaScript. Throws `KV_UNAVAILABLE` for what is no change.
 */
export function changeOf(type: 'put' | 'del', position: string, data: Uint8Array): Change {
  const fields = fieldsOf(data)
  const bytes = (name: 'key' | 'value'): Uint8Array => {
    const plain = fields.get(name)
    if (plain !== undefined) return new Uint8Array(plain)
    const encoded = fields.get(`${name}_base64`)
    if (encoded === undefined || encodedLength(encoded, 0, encoded.length, 'base64') < 0) throw notAChange()
    return new Uint8Array(encoded.subarray(0, decodeEncoded(encoded, 0, encoded.length, 'base64')))
  }
  const own = { key: bytes('key'), position }
  if (type === 'del') return { type, ...own }
  const text = (name: string): string | undefined =>
    fields.has(name) ? asBuffer(fields.get(name)!).toString() : undefined
  const expires = text('expires')
  return {
    type,
    ...own,
    value: bytes('value'),
    revision: Number(text('revision') ?? 0),
    expires: expires === undefined ? undefined : Date.parse(expires),
  }
}

/** The members of an object: of a string the bytes of its text, of any other value its source. */
function fieldsOf(data: Uint8Array): Map<string, Uint8Array> {
  const fields = new Map<string, Uint8Array>()
  const scanner = new JsonScanner()
  scanner.reset(data, data.length)
  if (!isUtf8(data) || scanner.at(0) !== 0x7b) throw notAChange()
  for (let at = scanner.space(1); ;) {
    const nameEnd = scanner.at(at) === 0x22 ? scanner.string(at) : -1
    const from = nameEnd < 0 ? -1 : scanner.colon(nameEnd)
    const end = from < 0 ? -1 : scanner.value(from)
    if (end < 0) throw notAChange()
    const name = asBuffer(data).toString('latin1', at + 1, Math.min(nameEnd - 1, at + 1 + LONGEST_NAME))
    const isString = data[from] === 0x22
    fields.set(
      name,
      isString ? data.subarray(from + 1, from + 1 + decodeInPlace(data, from + 1, end - 1)) : data.subarray(from, end),
    )
    at = scanner.space(end)
    if (scanner.at(at) === 0x7d) return fields
    if (scanner.at(at) !== 0x2c) throw notAChange()
    at = scanner.space(at + 1)
  }
}

/** More than any name that is looked for, in bytes. */
const LONGEST_NAME = 40

function notAChange(): KvError {
  return new KvError('KV_UNAVAILABLE', 'the server sent what is no change')
}
