import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { noise } from '../helpers/bytes.ts'
import { type Case, contents, errorText, expectRun, givenStore, kv, shell, testCases } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const usage = (message: string, hint?: string): { stderr: string; code: number } => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})

const CASES: readonly Case[] = [
  { name: 'stores the argument and prints nothing', args: ['put', 'k', 'v'], leaves: [['k', 'v']] },
  { name: 'replaces a value', args: ['put', 'k', 'new'], given: [['k', 'old']], leaves: [['k', 'new']] },
  { name: 'stores an empty value', args: ['put', 'k', ''], leaves: [['k', '']] },
  {
    name: 'stores standard input when there is no VALUE',
    args: ['put', 'k'],
    input: 'from a pipe\n',
    leaves: [['k', 'from a pipe\n']],
  },
  { name: 'stores standard input for -', args: ['put', 'k', '-'], input: 'piped', leaves: [['k', 'piped']] },
  { name: 'stores the text - after --', args: ['put', 'k', '--', '-'], input: 'piped', leaves: [['k', '-']] },
  {
    name: 'stores the text - after -- that stands before the key',
    args: ['put', '--', 'k', '-'],
    input: 'piped',
    leaves: [['k', '-']],
  },
  { name: 'stores -5 after --', args: ['put', 'k', '--', '-5'], leaves: [['k', '-5']] },
  { name: 'stores a bare negative number', args: ['put', 'k', '-5'], leaves: [['k', '-5']] },
  { name: 'stores a bare negative fraction', args: ['put', 'k', '-1.5e-3'], leaves: [['k', '-1.5e-3']] },
  {
    name: 'stores what looks like an option after --',
    args: ['put', '--', '--json', '--store'],
    leaves: [['--json', '--store']],
  },
  { name: 'stores -- itself after --', args: ['put', '--', 'k', '--'], leaves: [['k', '--']] },
  {
    name: 'names -- when an option is unknown',
    args: ['put', 'k', '-value'],
    ...usage('unknown option -value', 'if it is a value, it stands after --: kv put KEY -- -value'),
    leaves: [],
  },
  {
    name: 'refuses a third argument',
    args: ['put', 'a', 'b', 'c'],
    ...usage(
      'too many arguments: put takes at most 2, not 3',
      'what holds blanks needs quotes; kv put --help shows how it is called',
    ),
  },
  { name: 'wants a key', args: ['put'], ...usage('missing argument KEY', 'kv put --help shows how it is called') },
  {
    name: 'refuses the empty key',
    args: ['put', '', 'v'],
    stderr: errorText('the empty key cannot be stored', 'KV_INVALID_KEY'),
    code: 2,
    leaves: [],
  },
  {
    name: 'does not guess types or rewrite keys',
    args: ['put', ' Key@/..\\Ünï ', ' 007 '],
    leaves: [[' Key@/..\\Ünï ', ' 007 ']],
  },
  {
    name: 'stores the bytes that hex stands for',
    args: ['put', '--value-encoding', 'hex', 'k', '4a4B'],
    leaves: [['k', 'JK']],
  },
  {
    name: 'stores the bytes that base64 stands for, without padding too',
    args: ['put', '--value-encoding', 'base64', 'k', 'SmE'],
    leaves: [['k', 'Ja']],
  },
  {
    name: 'reads hex from standard input, with a line end',
    args: ['put', '--value-encoding', 'hex', 'k'],
    input: '4a4b\n',
    leaves: [['k', 'JK']],
  },
  {
    name: 'refuses a value that is no hex',
    args: ['put', '--value-encoding', 'hex', 'k', '4'],
    ...usage('the value is not hex', 'two hex digits for each byte, such as 00ff'),
    leaves: [],
  },
  { name: 'takes the key in hex', args: ['put', '--key-encoding', 'hex', '4a4b', 'v'], leaves: [['JK', 'v']] },
  {
    name: 'refuses an unknown encoding',
    args: ['put', '--key-encoding', 'latin1', 'k', 'v'],
    ...usage('--key-encoding cannot be latin1', 'one of utf8 hex base64'),
  },
  { name: '--if-absent stores a new key', args: ['put', 'k', 'v', '--if-absent'], leaves: [['k', 'v']] },
  {
    name: '--if-absent leaves a key that is there, exit 1',
    args: ['put', 'k', 'v', '--if-absent'],
    given: [['k', 'old']],
    stderr: errorText('not stored: k exists', 'KV_CONDITION'),
    code: 1,
    leaves: [['k', 'old']],
  },
  {
    name: '--if-value stores when the value is the one named',
    args: ['put', 'k', 'new', '--if-value', 'old'],
    given: [['k', 'old']],
    leaves: [['k', 'new']],
  },
  {
    name: '--if-value leaves another value, exit 1',
    args: ['put', 'k', 'new', '--if-value', 'x'],
    given: [['k', 'old']],
    stderr: errorText('not stored: k exists with another value', 'KV_CONDITION'),
    code: 1,
    leaves: [['k', 'old']],
  },
  {
    name: '--if-value does not create a key, exit 1',
    args: ['put', 'k', 'new', '--if-value', 'x'],
    stderr: errorText('not stored: k does not exist', 'KV_CONDITION'),
    code: 1,
    leaves: [],
  },
  {
    name: '--if-value takes the empty value',
    args: ['put', 'k', 'new', '--if-value', ''],
    given: [['k', '']],
    leaves: [['k', 'new']],
  },
  {
    name: '--if-value is written in the encoding of values',
    args: ['put', 'k', '4a', '--if-value', '4b', '--value-encoding', 'hex'],
    given: [['k', 'K']],
    leaves: [['k', 'J']],
  },
  {
    name: '--if-absent and --if-value exclude each other',
    args: ['put', 'k', 'v', '--if-absent', '--if-value', 'x'],
    ...usage('--if-absent and --if-value exclude each other'),
  },
  {
    name: '--if-revision stores over the entry of that revision',
    args: ['put', 'k', 'new', '--if-revision', '1'],
    given: [['k', 'old']],
    leaves: [['k', 'new']],
  },
  {
    name: '--if-revision leaves an entry of another revision, exit 1',
    args: ['put', 'k', 'new', '--if-revision', '7'],
    given: [['k', 'old']],
    stderr: errorText('not stored: k exists with another revision, 1', 'KV_CONDITION'),
    code: 1,
    leaves: [['k', 'old']],
  },
  {
    name: '--if-revision does not create a key, exit 1',
    args: ['put', 'k', 'new', '--if-revision', '1'],
    given: [['other', '']],
    stderr: errorText('not stored: k does not exist', 'KV_CONDITION'),
    code: 1,
    leaves: [['other', '']],
  },
  { name: '--if-revision 0 stores a new key', args: ['put', 'k', 'v', '--if-revision', '0'], leaves: [['k', 'v']] },
  {
    name: '--if-revision 0 leaves a key that is there, exit 1',
    args: ['put', 'k', 'new', '--if-revision', '0'],
    given: [['k', 'old']],
    stderr: errorText('not stored: k exists', 'KV_CONDITION'),
    code: 1,
    leaves: [['k', 'old']],
  },
  ...['x', '-1', '1.5', '9007199254740993'].map((revision) => ({
    name: `--if-revision refuses ${revision}`,
    args: ['put', 'k', 'v', `--if-revision=${revision}`],
    ...usage(`--if-revision wants a whole number of 0 or more, not ${revision}`),
    leaves: [],
  })),
  {
    name: '--if-revision and --if-value exclude each other',
    args: ['put', 'k', 'v', '--if-revision', '1', '--if-value', 'x'],
    ...usage('--if-value and --if-revision exclude each other'),
  },
  {
    name: '--ttl and --keep-ttl exclude each other',
    args: ['put', 'k', 'v', '--ttl', '1h', '--keep-ttl'],
    ...usage('--ttl and --keep-ttl exclude each other'),
  },
  { name: '--keep-ttl stores a new key', args: ['put', 'k', 'v', '--keep-ttl'], leaves: [['k', 'v']] },
  {
    name: 'refuses a time to live that is no time',
    args: ['put', 'k', 'v', '--ttl', '5x'],
    ...usage('not a time to live: 5x', 'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds'),
    leaves: [],
  },
  {
    name: 'refuses a time to live of nothing',
    args: ['put', 'k', 'v', '--ttl', '0'],
    ...usage('not a time to live: 0', 'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds'),
    leaves: [],
  },
  {
    name: 'refuses a negative time to live',
    args: ['put', 'k', 'v', '--ttl', '-5s'],
    ...usage('not a time to live: -5s', 'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds'),
    leaves: [],
  },
  {
    name: 'says that --no-sync gives up durability',
    args: ['put', 'k', 'v', '--no-sync'],
    stderr: 'kv: --no-sync: a power loss can take the newest writes of this command\n',
    leaves: [['k', 'v']],
  },
  {
    name: '--quiet keeps the notice of --no-sync back',
    args: ['put', 'k', 'v', '--no-sync', '--quiet'],
    leaves: [['k', 'v']],
  },
  {
    name: '--file names a missing file',
    args: ['put', 'k', '--file', 'no-such-file'],
    ...usage('cannot read no-such-file: no such file or folder'),
    leaves: [],
  },
  {
    name: '--file and VALUE exclude each other',
    args: ['put', 'k', 'v', '--file', 'f'],
    ...usage('both VALUE and --file are given'),
    leaves: [],
  },
  {
    name: '--file names a folder',
    args: ['put', 'k', '--file', '/'],
    ...usage('cannot read /: it is a folder'),
    leaves: [],
  },
]

const NO_VALUE = errorText(
  'no VALUE',
  'KV_USAGE',
  'give it as an argument (after -- if it begins with -), with --file, or through a pipe; "" is the empty value',
)

describe('kv put', () => {
  testCases(CASES)

  test.for([
    'kv put k </dev/null',
    'kv put k <&-',
    'kv put k --json </dev/null',
    'kv put k -q </dev/null',
    'kv put k --ttl 5 </dev/null',
  ])('an input that nobody gave is no value: %s', async (script) => {
    const store = await givenStore([['k', 'old']])
    expectRun(await shell(script, { store }), { stderr: NO_VALUE, code: 2 })
    expect(await contents(store)).toEqual([['k', 'old']])
  })

  test.for([
    'kv put k - </dev/null',
    ': | kv put k',
    "kv put k ''",
    'kv put k --file - </dev/null',
    'kv put k --file /dev/null',
  ])('an empty value is stored where it was asked for: %s', async (script) => {
    const store = await givenStore([['k', 'old']])
    expectRun(await shell(script, { store }), {})
    expect(await contents(store)).toEqual([['k', '']])
  })

  test.for(['printf v | kv put k --file -', 'printf v > f && kv put k --file - < f', 'printf v > f && kv put k < f'])(
    '- is standard input for --file too: %s',
    async (script) => {
      const store = await givenStore()
      expectRun(await shell(script, { store }), {})
      expect(await contents(store)).toEqual([['k', 'v']])
    },
  )

  test('stores the exact bytes of a large standard input', async () => {
    const store = await givenStore()
    const value = noise(3_000_000)
    expectRun(await kv(['put', 'k'], { store, input: value }), {})
    const { stdout } = await kv(['get', 'k'], { store })
    expect(stdout.equals(value)).toBe(true)
  })

  test('stores the exact bytes of a file', async () => {
    const store = await givenStore()
    const file = join(tempDir(), 'value.bin')
    writeFileSync(file, noise(10_000))
    expectRun(await kv(['put', 'k', '--file', file], { store, input: 'not this' }), {})
    expect((await kv(['get', 'k'], { store })).stdout.equals(readFileSync(file))).toBe(true)
  })

  test('takes a file from a path with --file=', async () => {
    const store = await givenStore()
    const file = join(tempDir(), 'value')
    writeFileSync(file, '4a\n')
    expectRun(await kv(['put', 'k', `--file=${file}`, '--value-encoding=hex'], { store }), {})
    expect(await contents(store)).toEqual([['k', 'J']])
  })

  test.for([
    ['90s', 90],
    ['500ms', 1],
    ['10m', 600],
    ['2h', 7200],
    ['7d', 604_800],
    ['30', 30],
    ['1.5h', 5400],
  ] as const)('--ttl %s lets the entry live that long', async ([ttl, seconds]) => {
    const store = await givenStore()
    const before = Date.now()
    expectRun(await kv(['put', 'k', 'v', '--ttl', ttl], { store }), {})
    const after = Date.now()
    await using opened = await openStore(store, { clock: () => before })
    const { expires } = (await opened.getEntry('k'))!
    const ms = ttl === '500ms' ? 500 : seconds * 1000
    expect(expires).toBeGreaterThanOrEqual(before + ms)
    expect(expires).toBeLessThanOrEqual(after + ms)
  })

  test('a put without --ttl removes an old expiry', async () => {
    const store = await givenStore([['k', 'v', { expires: Date.now() + 100_000 }]])
    expectRun(await kv(['put', 'k', 'v'], { store }), {})
    expectRun(await kv(['ttl', 'k'], { store }), { stdout: 'none\n' })
  })

  test('refuses a key longer than the driver takes and stores nothing', async () => {
    const store = await givenStore()
    expectRun(await kv(['put', 'k'.repeat(65_536), 'v'], { store }), {
      stderr: "kv: a key of 65536 bytes is over this store's limit of 65535 (KV_TOO_LARGE)\n",
      code: 2,
    })
    expectRun(await kv(['put', 'k'.repeat(65_535), 'v'], { store }), {})
    expect((await contents(store)).map(([key]) => key.length)).toEqual([65_535])
  })

  test.for([
    ['a key', `kv put "$(printf 'k\\377')" v`],
    ['a value', `kv put k "$(printf 'v\\377')"`],
    ['a cut character', `kv put k "$(printf 'v\\303')"`],
  ] as const)('refuses %s that is not valid UTF-8 and stores nothing', async ([, script]) => {
    const store = await givenStore()
    expectRun(await shell(script, { store }), {
      stderr: errorText(
        'an argument is not valid UTF-8',
        'KV_USAGE',
        'write a key with --key-encoding hex, a value with --value-encoding hex; send a file through a pipe',
      ),
      code: 2,
    })
    expect(await contents(store)).toEqual([])
  })

  test('stores a real U+FFFD', async () => {
    const store = await givenStore()
    expectRun(await kv(['put', 'k\ufffd', '\ufffd'], { store }), {})
    expect(await contents(store)).toEqual([['k\ufffd', '\ufffd']])
  })

  test('refuses standard input that is a folder', async () => {
    expectRun(await shell('kv put k < /', { store: await givenStore() }), {
      stderr: errorText('cannot read standard input: it is a folder', 'KV_USAGE'),
      code: 2,
    })
  })
})

test.for([
  [[], 0],
  [['--if-value', 'old'], 0],
  [['--if-revision', '1'], 0],
  [['--if-value', 'x'], 1],
  [['--if-revision', '7'], 1],
  [['--if-absent'], 1],
  [['--if-revision', '0'], 1],
] as const)('--keep-ttl keeps when the entry expires: %j', async ([condition, code]) => {
  const store = await givenStore([['k', 'old', { expires: 4102444800000 }]])
  expectRun(await kv(['put', 'k', 'new', '--keep-ttl', ...condition], { store }), {
    code,
    stderr: code === 0 ? '' : /^kv: not stored: k exists.* \(KV_CONDITION\)\n$/,
  })
  expectRun(await kv(['range'], { store }), {
    stdout: `{"key":"k","value":"${code === 0 ? 'new' : 'old'}","expires":"2100-01-01T00:00:00.000Z"}\n`,
  })
})
