import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type Case,
  type Given,
  contents,
  errorText,
  expectRun,
  givenStore,
  kv,
  shell,
  testCases,
} from '../helpers/kv.ts'

const LETTERS: readonly Given[] = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, key.toUpperCase()])
const USERS: readonly Given[] = [
  ['user', '0'],
  ['user:1', 'Ada'],
  ['user:10', 'Bob'],
  ['user:2', 'Cy'],
  ['usera', 'x'],
]
const lines = (...entries: readonly (readonly [string, string])[]): string =>
  entries.map(([key, value]) => `${JSON.stringify({ key, value })}\n`).join('')
const letters = (keys: string): string => lines(...[...keys].map((key) => [key, key.toUpperCase()] as const))
const usage = (message: string, hint?: string): { stderr: string; code: number } => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})

const CASES: readonly Case[] = [
  { name: 'prints all entries without bounds', args: ['range'], given: LETTERS, stdout: letters('abcde') },
  { name: 'prints nothing of an empty store', args: ['range'], stdout: '' },
  { name: 'includes both ends', args: ['range', 'b', 'd'], given: LETTERS, stdout: letters('bcd') },
  { name: 'takes one key as both ends', args: ['range', 'c', 'c'], given: LETTERS, stdout: letters('c') },
  { name: 'takes ends that are no keys', args: ['range', 'aa', 'cc'], given: LETTERS, stdout: letters('bc') },
  { name: 'goes from START to the end without END', args: ['range', 'd'], given: LETTERS, stdout: letters('de') },
  { name: 'takes an empty START for the beginning', args: ['range', '', 'b'], given: LETTERS, stdout: letters('ab') },
  {
    name: 'refuses START after END',
    args: ['range', 'd', 'b'],
    given: LETTERS,
    ...usage('START is after END: d > b', 'keys are ordered by their bytes; for the other direction use --reverse'),
  },
  {
    name: 'orders by bytes, not by numbers or letters',
    args: ['range', '--keys'],
    given: [
      ['b', ''],
      ['B', ''],
      ['10', ''],
      ['9', ''],
      ['é', ''],
      ['z', ''],
    ],
    stdout: '10\n9\nB\nb\nz\né\n',
  },
  {
    name: 'orders text by code points, not by UTF-16 units',
    args: ['range', '--keys'],
    given: [
      ['\u{1f600}', ''],
      ['\uffee', ''],
    ],
    stdout: '\uffee\n\u{1f600}\n',
  },
  {
    name: '--prefix prints the keys that begin so',
    args: ['range', '--prefix', 'user:'],
    given: USERS,
    stdout: lines(['user:1', 'Ada'], ['user:10', 'Bob'], ['user:2', 'Cy']),
  },
  {
    name: '--prefix with START and END means both',
    args: ['range', '--prefix', 'user:', 'user:10', 'zzz'],
    given: USERS,
    stdout: lines(['user:10', 'Bob'], ['user:2', 'Cy']),
  },
  {
    name: 'an empty --prefix is everything',
    args: ['range', '--prefix', ''],
    given: LETTERS,
    stdout: letters('abcde'),
  },
  {
    name: '--prefix takes the highest byte',
    args: ['range', '--prefix', 'ff', '--key-encoding', 'hex', '--keys'],
    given: [
      [new Uint8Array([0xff]), ''],
      [new Uint8Array([0xff, 0xff]), ''],
      ['a', ''],
    ],
    stdout: 'ff\nffff\n',
  },
  {
    name: '--after excludes its key',
    args: ['range', '--after', 'b', '--limit', '2'],
    given: LETTERS,
    stdout: letters('cd'),
  },
  {
    name: '--after goes on from a key that is not there',
    args: ['range', '--after', 'bb'],
    given: LETTERS,
    stdout: letters('cde'),
  },
  {
    name: '--after with --prefix is the next page',
    args: ['range', '--prefix', 'user:', '--after', 'user:1', '--limit', '1'],
    given: USERS,
    stdout: lines(['user:10', 'Bob']),
  },
  {
    name: '--after with --reverse goes on below',
    args: ['range', '--after', 'd', '--reverse', '--limit', '2'],
    given: LETTERS,
    stdout: letters('cb'),
  },
  {
    name: '--reverse goes from the last key to the first',
    args: ['range', 'b', 'd', '--reverse'],
    given: LETTERS,
    stdout: letters('dcb'),
  },
  {
    name: '--reverse with --limit takes the last ones',
    args: ['range', '--reverse', '--limit', '2'],
    given: LETTERS,
    stdout: letters('ed'),
  },
  { name: '--limit 0 prints nothing', args: ['range', '--limit', '0'], given: LETTERS, stdout: '' },
  {
    name: '--limit above the number prints all',
    args: ['range', '--limit', '99'],
    given: LETTERS,
    stdout: letters('abcde'),
  },
  {
    name: 'refuses a limit that is no number',
    args: ['range', '--limit', 'x'],
    ...usage('--limit wants a whole number of 0 or more, not x'),
  },
  {
    name: 'refuses a negative limit',
    args: ['range', '--limit', '-1'],
    ...usage('--limit wants a whole number of 0 or more, not -1'),
  },
  {
    name: 'refuses a fractional limit',
    args: ['range', '--limit', '1.5'],
    ...usage('--limit wants a whole number of 0 or more, not 1.5'),
  },
  { name: '--keys prints one key a line', args: ['range', '--keys', 'a', 'b'], given: LETTERS, stdout: 'a\nb\n' },
  { name: '--values prints one value a line', args: ['range', '--values', 'a', 'b'], given: LETTERS, stdout: 'A\nB\n' },
  {
    name: '--keys -0 ends each with a NUL',
    args: ['range', '--keys', '-0'],
    given: [
      ['a\nb', ''],
      ['c', ''],
    ],
    stdout: 'a\nb\0c\0',
  },
  {
    name: '--values -0 ends each with a NUL',
    args: ['range', '--values', '-0'],
    given: [['k', 'a\nb']],
    stdout: 'a\nb\0',
  },
  {
    name: '--keys --json prints a JSON string a line',
    args: ['range', '--keys', '--json'],
    given: [['a\n"b', '']],
    stdout: '"a\\n\\"b"\n',
  },
  {
    name: '--values --json prints a JSON string a line',
    args: ['range', '--values', '--json', 'a', 'b'],
    given: LETTERS,
    stdout: '"A"\n"B"\n',
  },
  { name: '--count prints a bare number', args: ['range', '--count', 'b', 'd'], given: LETTERS, stdout: '3\n' },
  {
    name: '--count --json prints an object',
    args: ['range', '--count', '--json'],
    given: LETTERS,
    stdout: '{"count":5}\n',
  },
  { name: '--count heeds the limit', args: ['range', '--count', '--limit', '2'], given: LETTERS, stdout: '2\n' },
  {
    name: '--keys and --values exclude each other',
    args: ['range', '--keys', '--values'],
    ...usage('--keys, --values and --count exclude each other'),
  },
  {
    name: '-0 without lines to end is refused',
    args: ['range', '-0'],
    given: LETTERS,
    ...usage('-0 does not go with jsonl', 'it is for --keys, --values, --template and --format raw'),
  },
  {
    name: '-0 does not go with --json',
    args: ['range', '--keys', '-0', '--json'],
    given: LETTERS,
    ...usage('-0 does not go with jsonl', 'it is for --keys, --values, --template and --format raw'),
  },
  {
    name: 'does not show what has expired',
    args: ['range'],
    given: [
      ['a', 'v', { expires: 978307200000 }],
      ['b', 'v'],
    ],
    stdout: lines(['b', 'v']),
  },
  {
    name: 'writes when an entry expires',
    args: ['range'],
    given: [['a', 'v', { expires: 4102444800123 }]],
    stdout: '{"key":"a","value":"v","expires":"2100-01-01T00:00:00.123Z"}\n',
  },
  {
    name: 'takes bounds in hex',
    args: ['range', '61', '62', '--key-encoding', 'hex'],
    given: LETTERS,
    stdout: '{"key_hex":"61","value":"A"}\n{"key_hex":"62","value":"B"}\n',
  },
  {
    name: 'takes bounds that are negative numbers after --',
    args: ['range', '--', '-5', '-6'],
    given: [
      ['-5', 'x'],
      ['-55', 'y'],
      ['-6', 'z'],
    ],
    stdout: lines(['-5', 'x'], ['-55', 'y'], ['-6', 'z']),
  },
  {
    name: 'refuses a third argument',
    args: ['range', 'a', 'b', 'c'],
    ...usage(
      'too many arguments: range takes at most 2, not 3',
      'what holds blanks needs quotes; kv range --help shows how it is called',
    ),
  },
]

describe('kv range', () => {
  testCases(CASES)

  test('makes no file when the store does not exist', async () => {
    const store = await givenStore()
    expectRun(await kv(['range'], { store }), {})
    expect(existsSync(store)).toBe(false)
  })

  test('into batch-put copies exactly: any bytes, empty values and expiry', async () => {
    const hostile: Given[] = [
      [new Uint8Array([0]), new Uint8Array([0xff, 0, 0x80])],
      [new Uint8Array([0xff, 0xfe]), ''],
      ['quote"back\\slash', 'line\nfeed\r\ttab\u0000\u001b\u007f\u2028'],
      ['\ufeffbom', '\u{1f600}é'],
      ['json', '{"a": [1, "x"]}'],
      ['expires', 'v', { expires: 4102444800123 }],
      [new Uint8Array([0xed, 0xa0, 0x80]), 'a surrogate in three bytes'],
    ]
    const store = await givenStore(hostile)
    const copy = await givenStore()
    const bytes = '--key-encoding hex --value-encoding base64'
    for (const flags of [
      '',
      '--json-values',
      '--format json',
      `--format csv ${bytes}`,
      `--format tsv ${bytes}`,
      `--format json --json-values ${bytes}`,
    ]) {
      const input = /--format \w+/.exec(flags)?.[0] ?? ''
      const run = await shell(
        `kv range ${flags} > dump && kv --store '${copy}' batch-put --quiet ${input} dump && kv range > one && kv --store '${copy}' range > two && cmp one two && kv --store '${copy}' del --all --yes`,
        { store },
      )
      expectRun(run, { stdout: '7\n' })
    }
    expect(await contents(copy)).toEqual([])
  })

  test('keys a line serve a shell loop', async () => {
    const store = await givenStore(USERS)
    const run = await shell(`kv range --prefix user: --keys | while read -r key; do printf '<%s>' "$key"; done`, {
      store,
    })
    expectRun(run, { stdout: '<user:1><user:10><user:2>' })
  })

  test('keys with NULs serve xargs -0', async () => {
    const store = await givenStore([
      ['a b', ''],
      ["c'\nd", ''],
    ])
    expectRun(await shell(`kv range --keys -0 | xargs -0 -n 1 printf '<%s>'`, { store }), { stdout: "<a b><c'\nd>" })
  })
})
