import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Encoding } from '../../src/bytes.ts'
import { BlockBuilder } from '../../src/blocks/block-builder.ts'
import type { EntryForm } from '../../src/formats/format.ts'
import { type InputFormat, PARSERS } from '../../src/formats/parsers.ts'
import { Printer } from '../../src/output/printer.ts'
import { blockOps } from '../../src/blocks/block.ts'
import type { Entry } from '../../src/store/driver/entry.ts'
import { EARLIEST_EXPIRY, LATEST_EXPIRY } from '../../src/store/expiry.ts'
import { toHex } from '../helpers/bytes.ts'

/** What `kv range` prints in a form, into a pipe. */
async function printed(
  entries: readonly Entry[],
  format: Exclude<InputFormat, 'lines'>,
  options: Partial<EntryForm>,
): Promise<Buffer> {
  const parts: Buffer[] = []
  const write = (data: string | Uint8Array): void => void parts.push(Buffer.from(data as Uint8Array))
  const printer = new Printer(
    { isTTY: false, columns: () => 80, write, stream: () => process.stdout },
    { format, json: false, color: false },
  )
  const pages = async function* (): AsyncGenerator<readonly Entry[], void, void> {
    for (const entry of entries) yield [entry]
  }
  const expiring = (): boolean => entries.some(({ expires }) => expires !== undefined)
  await printer.entries(
    { pages },
    {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
      jsonValues: false,
      only: undefined,
      nul: false,
      exact: false,
      expiring,
      ...options,
    },
  )
  return Buffer.concat(parts)
}

type Row = [key: string, value: string, expires: number | undefined]

/** The entries that `kv batch-put` reads from a form, in the order of their keys. */
async function read(bytes: Buffer, format: InputFormat): Promise<Row[]> {
  const parserOf = await PARSERS[format].parser()
  const parser = parserOf({ maxKeyBytes: 65_535, maxValueBytes: 2 ** 29, now: Date.now, skip: undefined })
  const builder = new BlockBuilder(new Uint8Array(bytes))
  parser.parse(builder, bytes.length, true)
  return [...blockOps(builder.finish())].map((op) => {
    if (op.type === 'del') throw new Error('a delete')
    return [toHex(op.key), toHex(op.value), op.expires]
  })
}

const hard = fc.constantFrom(
  '"',
  '""',
  ',',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\\',
  '\\t',
  '\\n',
  '\0',
  '\u001b',
  '\ufeff',
  '\u2028',
  'é',
  '\u{1f600}',
  'a',
  ' ',
  '{',
  '}',
  'key',
  'value',
)
const text = fc.array(hard, { maxLength: 12 }).map((parts) => parts.join(''))
const json = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '"s"',
    ' 1',
    '1 ',
    '1E400',
    '[\n]',
    '{"a":"\\ud83d"}',
    '["\\ud83d\\ude00"]',
    '{"a" : 1,"a":2}',
    'nul',
    '-',
    '\ufeff1',
  ),
)
const utf8Text = fc.oneof(text, json, fc.string({ unit: 'binary' }))
const bytes = fc.uint8Array({ maxLength: 30 })
const expiry = fc.option(fc.integer({ min: EARLIEST_EXPIRY, max: LATEST_EXPIRY }), { nil: undefined, freq: 2 })

/** Entries with different keys, in the order of these. */
function store(isText: { key: boolean; value: boolean }): fc.Arbitrary<Entry[]> {
  const part = (textOnly: boolean): fc.Arbitrary<Uint8Array> => {
    const ofText = utf8Text.map((string) => Uint8Array.from(Buffer.from(string.toWellFormed())))
    return textOnly ? ofText : fc.oneof(ofText, bytes)
  }
  return fc
    .uniqueArray(
      fc.record({
        key: part(isText.key).filter(({ length }) => length > 0),
        value: part(isText.value),
        revision: fc.constant(1),
        expires: expiry,
      }),
      { maxLength: 8, selector: ({ key }) => toHex(key) },
    )
    .map((entries) => entries.sort((a, b) => Buffer.compare(a.key, b.key)))
}

const ENCODINGS: readonly Encoding[] = ['utf8', 'hex', 'base64']
/** Forms in which entries are written as well as read. */
const FORMS = ['jsonl', 'json', 'csv', 'tsv'] as const
const CASES = FORMS.flatMap((format) =>
  ENCODINGS.flatMap((keyEncoding) =>
    ENCODINGS.flatMap((valueEncoding) =>
      (format === 'csv' || format === 'tsv' ? [false] : [false, true]).map(
        (jsonValues) => [format, { keyEncoding, valueEncoding, jsonValues }] as const,
      ),
    ),
  ),
)

describe('what is printed is read back exactly: keys, values and expiry', () => {
  test.for(CASES)('%s %o', async ([format, options]) => {
    const isDelimited = format === 'csv' || format === 'tsv'
    const entries = store({
      key: isDelimited && options.keyEncoding === 'utf8',
      value: isDelimited && options.valueEncoding === 'utf8',
    })
    await fc.assert(
      fc.asyncProperty(entries, async (stored) => {
        const output = await printed(stored, format, options)
        expect(await read(output, format)).toEqual(
          stored.map(({ key, value, expires }) => [toHex(key), toHex(value), expires]),
        )
      }),
    )
  })

  test.for(FORMS)('%s: a value that is written in parts', async (format) => {
    const value = new Uint8Array(Buffer.from('"é,\t\\\r\n\u{1f600}'.repeat(40_000)))
    const key = new Uint8Array([0x6b])
    const output = await printed([{ key, value, revision: 1, expires: undefined }], format, {})
    expect(await read(output, format)).toEqual([[toHex(key), toHex(value), undefined]])
  })
})

test('an entry that got a time to live after the header was written is refused, not made immortal', async () => {
  const entry: Entry = { key: new Uint8Array([0x6b]), value: new Uint8Array(), revision: 1, expires: 1 }
  await expect(printed([entry], 'csv', { expiring: () => false })).rejects.toMatchObject({
    code: 'KV_IO',
    hint: 'run it again',
  })
})
