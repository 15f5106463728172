import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Case, errorText, kv, testCases } from '../helpers/kv.ts'
import { measuresMemory, memoryOf } from '../helpers/memory.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const usage = (message: string, hint?: string): { stderr: string; code: number } => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})
const refused = (message: string, hint: string): { stderr: string; code: number } => ({
  stderr: errorText(`${message}; nothing was stored`, 'KV_INVALID_INPUT', hint),
  code: 3,
})

/** A run of batch-put on standard input. */
const reads = (
  name: string,
  input: string,
  leaves: readonly (readonly [string, string])[],
  ...args: string[]
): Case => ({
  name,
  args: ['batch-put', ...args],
  input,
  leaves,
  stderr: new RegExp(`^${leaves.length} put, 0 skipped, `),
})

const PEOPLE = 'id;name\n7;"Ada; Countess"\n'

describe('batch-put of tables as they lie', () => {
  testCases([
    reads(
      'takes a delimiter, and CSV with it',
      PEOPLE,
      [['7', '{"id":"7","name":"Ada; Countess"}']],
      '--delimiter',
      ';',
      '--key',
      'id',
    ),
    reads(
      'takes tabs, quotes and templates',
      "id\tname\n7\t'Ada\tB'\n",
      [['u:007', 'Ada\tB']],
      '--delimiter',
      'tab',
      '--quote',
      "'",
      '--key',
      'u:{id:03}',
      '--value',
      'name',
    ),
    reads('takes no quotes', 'key,value\n"a,"b\n', [['"a', '"b']], '--format', 'csv', '--quote', ''),
    reads(
      'takes the first line for a record',
      'a,1\nb,2\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
      '--format',
      'csv',
      '--no-header',
    ),
    reads(
      'takes names of columns, a line of CSV',
      '1,x\n',
      [['x', '1']],
      '--format',
      'csv',
      '--no-header',
      '--fields',
      '"a,b", name ',
      '--key',
      'name',
      '--value',
      '"a,b"',
    ),
    reads('takes TSV with prefix', 'value\tkey\n1\ta\n', [['p:a', '1']], '--format', 'tsv', '--prefix', 'p:'),
    reads(
      'takes lines',
      'a\n\nb\r\n',
      [
        ['a', ''],
        ['b', ''],
      ],
      '--lines',
    ),
    reads('takes --format lines', 'a\n', [['a', '']], '--format', 'lines'),
    reads(
      'takes lines that end in NUL',
      'a\nb\0c\0',
      [
        ['a\nb', ''],
        ['c', ''],
      ],
      '--lines',
      '-0',
    ),
    reads(
      'takes lines as values',
      'x\ny\n',
      [
        ['log:01', 'x'],
        ['log:02', 'y'],
      ],
      '--lines',
      '--key',
      'log:{number:02}',
    ),
    {
      name: 'shows what lines would be, whatever the form of the input is called',
      args: ['batch-put', '--format', 'lines', '--dry-run'],
      input: 'a\n',
      leaves: [],
      stdout: '{"key":"a","value":""}\n',
      stderr: '1 would be put, 0 refused; nothing was stored\n',
    },
    {
      name: 'names a column that is not there, and the nearest',
      args: ['batch-put', '--delimiter', ';', '--key', 'u:{idd:08}'],
      input: PEOPLE,
      leaves: [],
      ...refused('stdin:1: no column "idd"; there are id, name', "perhaps --key 'u:{id:08}'"),
    },
    {
      name: 'says that an object cannot have a name twice',
      args: ['batch-put', '--format', 'csv', '--key', 'id'],
      input: 'id,x,x\n1,2,3\n',
      leaves: [],
      ...refused(
        'stdin:1: column "x" is there twice, which an object cannot say',
        "choose the value with --value, as in --value '{a}:{b}', or name the columns with --no-header --fields",
      ),
    },
  ])
})

describe('batch-put refuses what has no meaning for tables and lines', () => {
  const wrong = (args: string[], message: string, hint?: string): Case => ({
    name: args.join(' '),
    args: ['batch-put', ...args],
    input: 'a,b\n',
    leaves: [],
    ...usage(message, hint),
  })
  testCases([
    wrong(['--delimiter', ';;'], '--delimiter takes one ASCII character, not ;;', 'a tab is the word tab'),
    wrong(['--quote', '«'], '--quote takes one ASCII character, not «', 'a tab is the word tab'),
    wrong(['--quote', ','], ', cannot be delimiter and quote both'),
    wrong(['--delimiter', ';', '--format', 'jsonl'], '--delimiter is for CSV and TSV'),
    wrong(['--delimiter', ';', '--format', 'tsv'], '--delimiter is for CSV', '--format csv --delimiter tab'),
    wrong(['--no-header', '--lines'], '--no-header is for CSV and TSV'),
    wrong(['--fields', 'a,b'], '--fields needs --no-header', 'a header names the columns itself'),
    wrong(
      ['--no-header', '--format', 'csv', '--fields', '"a'],
      '--fields takes names with commas between, not "a',
      'id,name,city',
    ),
    wrong(
      ['--no-header', '--format', 'csv', '--fields', 'a,b', '--key', 'c'],
      'no column "c"; there are a, b',
      '--key a takes that column as the key',
    ),
    wrong(
      ['--no-header', '--format', 'csv', '--fields', 'a,b'],
      'unknown column "a", expected key,value',
      '--key a takes that column as the key',
    ),
    wrong(['--lines', '--key', 'id'], 'a line has no field id', 'its fields are line and number'),
    wrong(['--lines', '--format', 'csv'], '--lines does not go with --format csv'),
    wrong(['-0'], '-0 is for --lines and --files'),
    wrong(['--at', 'a', '--format', 'csv'], '--at is for JSON'),
    wrong(
      ['--format', 'csv', '--key', 'No.'],
      'not a field: No.',
      String.raw`names are joined by dots; where that is one name: '"No."'`,
    ),
  ])
})

test.skipIf(!measuresMemory)('however much is made of a pipe, memory stays as it is', async () => {
  const count = 200_000
  const args = ['batch-put', '--dry-run', '--quiet', '--lines', '--key', 'line', '--value', `${'v'.repeat(4000)}{line}`]
  const input = Array.from({ length: count }, (_, n) => `${n}\n`).join('')
  const { bytes, stderr, code } = await memoryOf(args, { input })
  expect([stderr, code]).toEqual(['', 0])
  expect(bytes).toBeLessThan(250e6)
})

describe('of what makes much more than it is, all comes', () => {
  const lines = Array.from({ length: 250_000 }, (_, n) => `${n}\n`).join('')
  const args = ['batch-put', '--dry-run', '--json', '--lines', '--key', 'line', '--value', `${'v'.repeat(250)}{line}`]
  test.each([
    ['from a file', (file: string) => ({ args: [...args, file], input: '' })],
    ['from a pipe', () => ({ args, input: lines })],
  ])('%s', async (_, given) => {
    const file = join(tempDir(), 'lines.txt')
    writeFileSync(file, lines)
    const { args: words, input } = given(file)
    const { stdout, stderr } = await kv(words, { input })
    expect(stderr).toBe('250,000 would be put, 0 refused; nothing was stored\n')
    expect(JSON.parse(stdout.toString())).toMatchObject({ put: 250_000, skipped: 0, bytes: lines.length })
  })
})
