import { Command } from 'commander'
import { decodeUtf8 } from '../bytes.ts'
import type { Context } from '../context.ts'
import { displayKey, escapeLine, formatBytes } from '../output/escape.ts'
import { type KeyFlags, keyEncodingOption, parseKey } from './arguments.ts'
import { notFound } from './not-found.ts'

/** Bytes shown of the head of a long value, and of its tail. */
const PART = 200

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
    .summary('print what a value is, with its head and tail')
    .description('Print what kind of value a key has, its size, when it expires, and its beginning and end.')
    .argument('<KEY>')
    .addOption(keyEncodingOption())
    .addHelpText('after', '\nExamples:\n  kv peek user:1\n  kv peek image.png --json')
    .action(async (text: string, { keyEncoding }: KeyFlags) => {
      const key = parseKey(text, keyEncoding)
      const entry = await (await ctx.store()).getEntry(key)
      if (entry === undefined) throw notFound([key])
      const { value, revision } = entry
      const type = typeOf(value)
      const expires = entry.expires === undefined ? undefined : new Date(entry.expires).toISOString()
      const [head, tail] = type === 'text' || type.startsWith('json') ? parts(value) : []
      const record = { key: displayKey(key), type, bytes: value.length, revision, expires: expires ?? null, head: head ?? null, tail: tail ?? null }
      const isPretty = ctx.print.isPretty && type.startsWith('json')
      const lines = [`${type}, ${formatBytes(value.length)}, revision ${revision}${expires === undefined ? '' : `, expires ${expires}`}`]
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
  const text = decodeUtf8(value)
  if (text === undefined) return 'binary'
  try {
    const json: unknown = JSON.parse(text)
    return `json ${json === null ? 'null' : Array.isArray(json) ? `array of ${json.length}` : typeof json}`
  } catch {
    return 'text'
  }
}

/** Head and tail of a text, the whole as head when it is short; cut between characters. */
function parts(value: Uint8Array): [head: string, tail: string | undefined] {
  const text = decodeUtf8(value)!
  if (text.length <= 2 * PART) return [text, undefined]
  const whole = (part: string): string => part.toWellFormed().replaceAll('\ufffd', '')
  return [whole(text.slice(0, PART)), whole(text.slice(-PART))]
}
