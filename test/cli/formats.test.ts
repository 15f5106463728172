import { describe } from 'vitest'
import { type Case, type Given, errorText, testCases } from '../helpers/kv.ts'
import { FORMAT_NAMES } from '../../src/formats/index.ts'

const ENTRIES: readonly Given[] = [
  ['a', 'plain'],
  ['b,"c"', 'x\ty'],
  ['d', 'line\nfeed'],
]
const BINARY: readonly Given[] = [
  [new Uint8Array([0xff]), 'v'],
  ['k', new Uint8Array([0, 0xfe])],
]
const EXPIRING: readonly Given[] = [
  ['a', '1'],
  ['b', '2', { expires: 4102444800123 }],
]
const notUtf8 = (format: string): { stdout: string; stderr: RegExp; code: number } => ({
  stdout: format,
  stderr:
    /^kv: the entry of key \S+ is not UTF-8, which CSV and TSV cannot say \(KV_USAGE\)\nhint: use --format jsonl, or --key-encoding and --value-encoding hex\n$/,
  code: 2,
})
const entry = (value: string): string => `{"key":"k","value":${value}}\n`

const FORMATS: readonly Case[] = [
  {
    name: 'JSON Lines are the default in a pipe',
    args: ['range'],
    given: ENTRIES,
    stdout: '{"key":"a","value":"plain"}\n{"key":"b,\\"c\\"","value":"x\\ty"}\n{"key":"d","value":"line\\nfeed"}\n',
  },
  {
    name: '--json is JSON Lines',
    args: ['range', '--json'],
    given: ENTRIES.slice(0, 1),
    stdout: '{"key":"a","value":"plain"}\n',
  },
  {
    name: '--format jsonl is the same',
    args: ['range', '--format', 'jsonl'],
    given: ENTRIES.slice(0, 1),
    stdout: '{"key":"a","value":"plain"}\n',
  },
  {
    name: '--format json is one array',
    args: ['range', '--format', 'json'],
    given: ENTRIES.slice(0, 2),
    stdout: '[\n{"key":"a","value":"plain"},\n{"key":"b,\\"c\\"","value":"x\\ty"}\n]\n',
  },
  { name: '--format json of nothing is an empty array', args: ['range', '--format', 'json'], stdout: '[]\n' },
  {
    name: '--format csv quotes what needs it',
    args: ['range', '--format', 'csv'],
    given: ENTRIES,
    stdout: 'key,value\na,plain\n"b,""c""",x\ty\nd,"line\nfeed"\n',
  },
  {
    name: '--format tsv escapes what needs it, and quotes nothing',
    args: ['range', '--format', 'tsv'],
    given: [...ENTRIES, ['e', '"\\\r']],
    stdout: 'key\tvalue\na\tplain\nb,"c"\tx\\ty\nd\tline\\nfeed\ne\t"\\\\\\r\n',
  },
  {
    name: '--format csv has a column for expiry when an entry expires',
    args: ['range', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value,expires\na,1,\nb,2,2100-01-01T00:00:00.123Z\n',
  },
  {
    name: '--format tsv too',
    args: ['range', '--format', 'tsv'],
    given: EXPIRING,
    stdout: 'key\tvalue\texpires\na\t1\t\nb\t2\t2100-01-01T00:00:00.123Z\n',
  },
  {
    name: '--format csv has none when no entry of the range expires',
    args: ['range', 'a', 'a', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value\na,1\n',
  },
  {
    name: '--format csv heeds --limit in that',
    args: ['range', '--limit', '1', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value\na,1\n',
  },
  {
    name: '--format csv heeds --reverse in that',
    args: ['range', '--limit', '1', '--reverse', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value,expires\nb,2,2100-01-01T00:00:00.123Z\n',
  },
  {
    name: '--format csv of what has expired is the header',
    args: ['range', '--format', 'csv'],
    given: [['a', '1', { expires: 978307200000 }]],
    stdout: 'key,value\n',
  },
  {
    name: '--keys --format csv has no column for expiry',
    args: ['range', '--keys', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key\na\nb\n',
  },
  {
    name: '--values --format csv has no blank line for an empty value',
    args: ['range', '--values', '--format', 'csv'],
    given: [
      ['a', ''],
      ['b', '1'],
    ],
    stdout: 'value\n""\n1\n',
  },
  {
    name: 'get --format csv has it for its own entries',
    args: ['get', 'b', 'a', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value,expires\nb,2,2100-01-01T00:00:00.123Z\na,1,\n',
  },
  {
    name: 'get --format csv of one that does not expire',
    args: ['get', 'a', '--format', 'csv'],
    given: EXPIRING,
    stdout: 'key,value\na,1\n',
  },
  { name: '--format csv of nothing is the header', args: ['range', '--format', 'csv'], stdout: 'key,value\n' },
  {
    name: '--keys --format csv has one column',
    args: ['range', '--keys', '--format', 'csv'],
    given: ENTRIES.slice(0, 1),
    stdout: 'key\na\n',
  },
  {
    name: '--format raw is each value and a line feed',
    args: ['range', '--format', 'raw'],
    given: ENTRIES,
    stdout: 'plain\nx\ty\nline\nfeed\n',
  },
  {
    name: '--format raw -0 is each value and a NUL',
    args: ['range', '--format', 'raw', '-0'],
    given: ENTRIES,
    stdout: 'plain\0x\ty\0line\nfeed\0',
  },
  {
    name: '--format raw keeps every byte',
    args: ['range', '--format', 'raw'],
    given: [['k', new Uint8Array([0xff, 0x1b, 0])]],
    stdout: new Uint8Array([0xff, 0x1b, 0, 0x0a]),
  },
  {
    name: '--format table into a pipe is not cut',
    args: ['range', '--format', 'table'],
    given: [['k', 'v'.repeat(200)]],
    stdout: `KEY  VALUE\n───  ${'─'.repeat(200)}\nk    ${'v'.repeat(200)}\n(1 row)\n`,
  },
  { name: '--format table of nothing is the row count', args: ['range', '--format', 'table'], stdout: '(0 rows)\n' },
  {
    name: '--format table shows binary by its size and escapes controls',
    args: ['range', '--format', 'table', '--values'],
    given: [
      ['a', new Uint8Array(12_000).fill(0xff)],
      ['b', 'x\u001b[31m\n\u202ey'],
    ],
    stdout: 'VALUE\n────────────────────\n(binary, 12 kB)\nx\\x1b[31m\\n\\u{202e}y\n(2 rows)\n',
  },
  {
    name: '--format pretty indents JSON below its key, and leaves other values as they are',
    args: ['range', '--format', 'pretty'],
    given: [
      ['a', '{"n":1E400,"l":[]}'],
      ['b', new Uint8Array([0xff, 0x1b])],
    ],
    stdout: Buffer.concat([
      Buffer.from('a\n{\n  "n": 1E400,\n  "l": []\n}\n\nb\n'),
      new Uint8Array([0xff, 0x1b, 0x0a]),
    ]),
  },
  {
    name: '--format pretty of one value is the value alone',
    args: ['get', 'a', '--format', 'pretty'],
    given: [['a', '[1]']],
    stdout: '[\n  1\n]\n',
  },
  {
    name: '--format pretty --keys is one key a line',
    args: ['range', '--keys', '--format', 'pretty'],
    given: ENTRIES.slice(0, 2),
    stdout: 'a\nb,"c"\n',
  },
  {
    name: '--format pretty shows values in the encoding asked for',
    args: ['get', 'a', '--format', 'pretty', '--value-encoding', 'hex'],
    given: [['a', '[1]']],
    stdout: '5b315d\n',
  },
  {
    name: '-0 does not go with --format pretty',
    args: ['range', '-0', '--format', 'pretty'],
    stderr: errorText(
      '-0 does not go with pretty',
      'KV_USAGE',
      'it is for --keys, --values, --template and --format raw',
    ),
    code: 2,
  },
  {
    name: 'a format that is none is refused',
    args: ['range', '--format', 'yaml'],
    stderr: errorText('unknown format: yaml', 'KV_USAGE', `one of ${FORMAT_NAMES.join(' ')}`),
    code: 2,
  },
  {
    name: '--format given twice: the last one holds',
    args: ['--format', 'csv', 'range', '--format', 'raw'],
    given: ENTRIES.slice(0, 1),
    stdout: 'plain\n',
  },
  {
    name: 'CSV refuses keys that are not UTF-8',
    args: ['range', '--format', 'csv'],
    given: BINARY.slice(0, 1),
    ...notUtf8(''),
  },
  {
    name: 'TSV refuses values that are not UTF-8',
    args: ['range', '--format', 'tsv'],
    given: BINARY.slice(1),
    ...notUtf8(''),
  },
  {
    name: 'CSV takes bytes in hex',
    args: ['range', '--format', 'csv', '--key-encoding', 'hex', '--value-encoding', 'hex'],
    given: BINARY,
    stdout: 'key_hex,value_hex\n6b,00fe\nff,76\n',
  },
  {
    name: 'TSV takes values in base64',
    args: ['range', '--format', 'tsv', '--value-encoding', 'base64'],
    given: BINARY.slice(1),
    stdout: 'key\tvalue_base64\nk\tAP4=\n',
  },
  {
    name: '--keys --format csv names the encoding',
    args: ['range', '--keys', '--format', 'csv', '--key-encoding', 'hex'],
    given: BINARY,
    stdout: 'key_hex\n6b\nff\n',
  },
  {
    name: '--keys --json marks bytes that are not UTF-8',
    args: ['range', '--keys', '--json'],
    given: [...BINARY, ['/w==', '']],
    stdout: '"/w=="\n"k"\n{"key_base64":"/w=="}\n',
  },
  {
    name: '--values --format json too',
    args: ['range', '--values', '--format', 'json'],
    given: BINARY,
    stdout: '[\n{"value_base64":"AP4="},\n"v"\n]\n',
  },
  {
    name: 'JSON Lines say bytes that are not UTF-8 in base64',
    args: ['range'],
    given: BINARY,
    stdout: '{"key":"k","value_base64":"AP4="}\n{"key_base64":"/w==","value":"v"}\n',
  },
  {
    name: '--value-encoding names itself in JSON',
    args: ['range', '--value-encoding', 'base64'],
    given: [['k', 'v']],
    stdout: '{"key":"k","value_base64":"dg=="}\n',
  },
  {
    name: '--value-encoding hex holds for --values',
    args: ['range', '--values', '--value-encoding', 'hex'],
    given: BINARY,
    stdout: '00fe\n76\n',
  },
  {
    name: '--key-encoding base64 holds for --keys',
    args: ['range', '--keys', '--key-encoding', 'base64'],
    given: BINARY,
    stdout: 'aw==\n/w==\n',
  },
  {
    name: 'JSON escapes controls and keeps other text as it is',
    args: ['range'],
    given: [['\u0001\u007f\u2028é', '\b\f\u001b"\\/']],
    stdout: '{"key":"\\u0001\u007f\u2028é","value":"\\b\\f\\u001b\\"\\\\/"}\n',
  },
]

const JSON_VALUES: readonly Case[] = [
  ['an object, byte for byte', '{"b":1, "a":[ 2 ]}', '{"b":1, "a":[ 2 ]}'],
  ['a number no double holds', '12345678901234567890', '12345678901234567890'],
  ['a number over all doubles', '1E400', '1E400'],
  ['a literal', 'null', 'null'],
  ['text that is no JSON as a string', 'Ada', '"Ada"'],
  ['nearly JSON as a string', '{"a":1,}', '"{\\"a\\":1,}"'],
  ['a JSON string as a string', '"Ada"', '"\\"Ada\\""'],
  ['JSON with a line feed inside as a string', '{\n}', '"{\\n}"'],
  ['JSON with a blank before as a string', ' 1', '" 1"'],
  ['JSON with a line feed after as a string', '1\n', '"1\\n"'],
  ['an empty value as a string', '', '""'],
  ['JSON with half a surrogate pair as a string', '{"a":"\\ud83d"}', '"{\\"a\\":\\"\\\\ud83d\\"}"'],
  ['JSON with a whole one as it is', '["\\ud83d\\ude00"]', '["\\ud83d\\ude00"]'],
  ['deep JSON as it is', '['.repeat(5000) + ']'.repeat(5000), '['.repeat(5000) + ']'.repeat(5000)],
].map(([what, value, shown]) => ({
  name: `--json-values writes ${what}`,
  args: ['range', '--json-values'],
  given: [['k', value!]] as const,
  stdout: entry(shown!),
}))

const MORE_JSON_VALUES: readonly Case[] = [
  {
    name: '--json-values applies to no key',
    args: ['range', '--json-values'],
    given: [['1', '1']],
    stdout: '{"key":"1","value":1}\n',
  },
  {
    name: '--json-values goes with --format json',
    args: ['range', '--json-values', '--format', 'json'],
    given: [['k', '{"a":1}']],
    stdout: '[\n{"key":"k","value":{"a":1}}\n]\n',
  },
  {
    name: '--json-values writes values that are not UTF-8 in base64',
    args: ['range', '--json-values'],
    given: [['k', new Uint8Array([0xff])]],
    stdout: '{"key":"k","value_base64":"/w=="}\n',
  },
]

const VARIABLES: readonly Case[] = [
  {
    name: 'KV_FORMAT stands for --format',
    args: ['range'],
    env: { KV_FORMAT: 'csv' },
    given: ENTRIES.slice(0, 1),
    stdout: 'key,value\na,plain\n',
  },
  {
    name: '--format wins over KV_FORMAT',
    args: ['range', '--format', 'raw'],
    env: { KV_FORMAT: 'csv' },
    given: ENTRIES.slice(0, 1),
    stdout: 'plain\n',
  },
  {
    name: '--json wins over KV_FORMAT',
    args: ['range', '--json'],
    env: { KV_FORMAT: 'csv' },
    given: ENTRIES.slice(0, 1),
    stdout: '{"key":"a","value":"plain"}\n',
  },
  {
    name: 'KV_FORMAT that is none is refused',
    args: ['range'],
    env: { KV_FORMAT: 'yaml' },
    stderr: errorText('KV_FORMAT: unknown format: yaml', 'KV_USAGE', `one of ${FORMAT_NAMES.join(' ')}`),
    code: 2,
  },
  { name: 'KV_JSON stands for --json', args: ['count'], env: { KV_JSON: '1' }, stdout: '{"count":0}\n' },
  { name: 'KV_JSON=0 is off', args: ['count'], env: { KV_JSON: '0' }, stdout: '0\n' },
  {
    name: '--format wins over KV_JSON',
    args: ['range', '--format', 'csv'],
    env: { KV_JSON: '1' },
    stdout: 'key,value\n',
  },
  { name: 'KV_QUIET stands for --quiet', args: ['put', 'k', 'v', '--no-sync'], env: { KV_QUIET: '1' } },
  {
    name: '--quiet keeps errors',
    args: ['get', 'k', '--quiet'],
    stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: 'KV_LOCK_TIMEOUT that is no time is refused',
    args: ['count'],
    env: { KV_LOCK_TIMEOUT: 'soon' },
    stderr: errorText(
      'KV_LOCK_TIMEOUT: not a lock timeout: soon',
      'KV_USAGE',
      'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds',
    ),
    code: 2,
  },
  {
    name: 'FORCE_COLOR colours a table in a pipe',
    args: ['range', '--format', 'table', '--keys'],
    env: { FORCE_COLOR: '1' },
    given: [['k', '']],
    stdout: '\u001b[1mKEY\u001b[22m\n\u001b[2m───\u001b[22m\n\u001b[36mk\u001b[39m\n(1 row)\n',
  },
  {
    name: 'NO_COLOR wins over FORCE_COLOR',
    args: ['range', '--format', 'table', '--keys'],
    env: { FORCE_COLOR: '1', NO_COLOR: '1' },
    given: [['k', '']],
    stdout: 'KEY\n───\nk\n(1 row)\n',
  },
  {
    name: '--no-color wins over FORCE_COLOR',
    args: ['range', '--format', 'table', '--keys', '--no-color'],
    env: { FORCE_COLOR: '1' },
    given: [['k', '']],
    stdout: 'KEY\n───\nk\n(1 row)\n',
  },
]

const PLACES: readonly Case[] = [
  {
    name: 'global options may stand before the command',
    args: ['--json', '--quiet', 'count'],
    stdout: '{"count":0}\n',
  },
  { name: 'global options may stand after the command', args: ['count', '--json', '--quiet'], stdout: '{"count":0}\n' },
  {
    name: 'global options may stand after the arguments',
    args: ['get', 'k', '--json'],
    given: [['k', 'v']],
    stdout: entry('"v"'),
  },
  { name: 'options of the command may stand before its arguments', args: ['get', '--default', 'x', 'k'], stdout: 'x' },
  {
    name: 'what looks like an option after -- is an argument',
    args: ['get', '--', '--json'],
    given: [['--json', 'v']],
    stdout: 'v',
  },
  { name: '-- may stand before the command', args: ['--', 'get', 'k'], given: [['k', 'v']], stdout: 'v' },
]

describe('formats', () => {
  testCases(FORMATS)
  testCases(JSON_VALUES)
  testCases(MORE_JSON_VALUES)
})
describe('variables', () => {
  testCases(VARIABLES)
})
describe('places of options', () => {
  testCases(PLACES)
})
