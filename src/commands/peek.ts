import { isUtf8 } from 'node:buffer'
import { Command } from 'commander'
import { type Encoding, asBuffer, encode } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { JsonScanner } from '../formats/json/scanner.ts'
import { escapeLine, formatBytes } from '../safe-text.ts'
import { type KeyFlags, notFound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'

/** Bytes shown of the head of a long value, and of its tail. */
const PART = 200

/** Values up to this length are parsed, in bytes: longer JSON is only recognized. */
const MAX_PARSED = 4 << 20

/** Lines shown of long JSON with `--format pretty`. */
const PRETTY_LINES = 20

/** What files of common formats begin with. */
const MAGIC: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['png', [0x89, 0x50, 0x4e, 0x47]],
  ['jpeg', [0xff, 0xd8, 0xff]],
  ['gif', [0x47, 0x49, 0x46, 0x38]],
  ['pdf', [0x25, 0x50, 0x44, 0x46]],
]

/** `kv peek KEY` */
export function peek(ctx: Context): Command {
  return new Command('peek')
    .description('Print what kind of value a key has, its size, when it expires, and its beginning and end.')
    .argument('<KEY>')
    .addOption(encodingOption('key'))
    .addHelpText('after', '\nExamples:\n  kv peek user:1\n  kv peek image.png --json')
    .action(async (text: string, { keyEncoding }: KeyFlags) => {
      const key = parseKey(text, keyEncoding)
      const entry = await (await ctx.store()).getEntry(key, { signal: ctx.signal })
      if (entry === undefined) throw notFound([key])
      const { value, revision } = entry
      const type = typeOf(value)
      const expires = entry.expires === undefined ? undefined : new Date(entry.expires).toISOString()
      const [head, tail] = type === 'text' || type.startsWith('json') ? parts(value) : []
      const record = {
        ...keyField(key, keyEncoding),
        type,
        bytes: value.length,
        revision,
        expires: expires ?? null,
        head: head ?? null,
        tail: tail ?? null,
      }
      const isPretty = ctx.print.isPretty && type.startsWith('json')
      const lines = [
        `${type}, ${formatBytes(value.length)}, revision ${revision}${expires === undefined ? '' : `, expires ${expires}`}`,
      ]
      if (head !== undefined && !isPretty) lines.push(escapeLine(head))
      if (tail !== undefined && !isPretty) lines.push('…', escapeLine(tail))
      ctx.print.record(record, lines.join('\n'))
      if (isPretty) await ctx.print.value(entry, { valueEncoding: 'utf8', lines: PRETTY_LINES })
    })
}

/** What a value is: a JSON type, `text`, a format known by its first bytes, `empty` or `binary`. */
function typeOf(value: Uint8Array): string {
  if (value.length === 0) return 'empty'
  const format = MAGIC.find(([, bytes]) => bytes.every((byte, i) => value[i] === byte))
  if (format !== undefined) return format[0]
  if (!isUtf8(value)) return 'binary'
  if (value.length > MAX_PARSED) return longType(value)
  try {
    const json: unknown = JSON.parse(encode(value, 'utf8'))
    return `json ${json === null ? 'null' : Array.isArray(json) ? `array of ${json.length}` : typeof json}`
  } catch {
    return 'text'
  }
}

function longType(value: Uint8Array): string {
  const scanner = new JsonScanner()
  scanner.reset(value, value.length)
  const start = scanner.space(0)
  const end = scanner.value(start)
  if (end < 0 || scanner.space(end) < value.length) return 'text'
  const first = value[start]
  return `json ${first === 0x7b ? 'object' : first === 0x5b ? 'array' : first === 0x22 ? 'string' : 'number'}`
}

/**
 * The key as entries in JSON have it: `key`, or `key_base64` when it is not UTF-8, or by the name of the encoding
 * asked for.
 */
function keyField(key: Uint8Array, encoding: Encoding): Record<string, string> {
  if (encoding === 'utf8' && isUtf8(key)) return { key: encode(key, 'utf8') }
  const used = encoding === 'utf8' ? 'base64' : encoding
  return { [`key_${used}`]: encode(key, used) }
}

/** Head and tail of a text, the whole as head when it is short; cut between characters. */
function parts(value: Uint8Array): [head: string, tail: string | undefined] {
  // A character of UTF-16 stands for three bytes at most.
  const bytes = 4 * PART
  const isLong = value.length > 2 * bytes
  const head = asBuffer(isLong ? value.subarray(0, bytes) : value).toString()
  if (!isLong && head.length <= 2 * PART) return [head, undefined]
  const tail = isLong ? asBuffer(value.subarray(-bytes)).toString() : head
  const whole = (part: string): string => part.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '')
  return [whole(head.slice(0, PART)), whole(tail.slice(-PART))]
}
