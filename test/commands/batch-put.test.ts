import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Case, contents, errorText, expectRun, givenStore, kv, shell, testCases } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** The summary on stderr. */
const summary = (put: number, skipped = 0): RegExp =>
  new RegExp(`^${put} put, ${skipped} skipped, \\d+(\\.\\d)? k?B in \\d+\\.\\d\\d s \\([\\d,]+ rows/s\\)\\n$`)
const usage = (message: string, hint?: string): { stderr: string; code: number } => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})
const batch = (
  name: string,
  input: string | Uint8Array,
  leaves: readonly (readonly [string, string])[],
  ...args: string[]
): Case => ({ name, args: ['batch-put', ...args], input, leaves, stderr: summary(leaves.length) })

const READ: readonly Case[] = [
  batch('stores JSON Lines from a pipe', '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n', [
    ['a', '1'],
    ['b', '2'],
  ]),
  batch('takes - for standard input', '["a","1"]\n', [['a', '1']], '-'),
  batch('takes pairs', '["a","1"]\n["b",2]\n', [
    ['a', '1'],
    ['b', '2'],
  ]),
  batch(
    'stores JSON that is no string as its source',
    '{"key":"a","value":1E400}\n["b",12345678901234567890]\n["c",{"z":1, "a":[ ]}]\n["d",null]\n',
    [
      ['a', '1E400'],
      ['b', '12345678901234567890'],
      ['c', '{"z":1, "a":[ ]}'],
      ['d', 'null'],
    ],
  ),
  batch('stores a string as its text', '["a","\\u00e9\\n\\ud83d\\ude00"]\n', [['a', 'é\n\u{1f600}']]),
  batch('takes CRLF, a BOM, blank lines and a missing last line end', '\ufeff["a","1"]\r\n\r\n\n["b","2"]', [
    ['a', '1'],
    ['b', '2'],
  ]),
  batch('takes base64', '{"key_base64":"YQ==","value_base64":"MQ=="}\n', [['a', '1']]),
  batch(
    'takes --format json, an array',
    '[{"key":"a","value":"1"},["b","2"]]',
    [
      ['a', '1'],
      ['b', '2'],
    ],
    '--format',
    'json',
  ),
  batch(
    'takes --format json, an object',
    '{"a":"1","b":{"c":2}}',
    [
      ['a', '1'],
      ['b', '{"c":2}'],
    ],
    '--format',
    'json',
  ),
  batch(
    'takes --format csv',
    'key,value\na,1\n"b","x,""y"""\n',
    [
      ['a', '1'],
      ['b', 'x,"y"'],
    ],
    '--format',
    'csv',
  ),
  batch('takes --format tsv', 'key\tvalue\na\t1\n', [['a', '1']], '--format', 'tsv'),
  batch('unpacks gzip', gzipSync('["a","1"]\n'), [['a', '1']]),
  batch('takes nothing', '', []),
  {
    name: 'of equal keys the last wins',
    args: ['batch-put'],
    input: '["a","1"]\n["a","2"]\n',
    stderr: summary(2),
    leaves: [['a', '2']],
  },
  { name: '--quiet prints nothing', args: ['batch-put', '--quiet'], input: '["a","1"]\n', leaves: [['a', '1']] },
]

const refused = (name: string, bad: string, message: string | RegExp): Case => ({
  name: `refuses ${name}, stores what stands before it and nothing after`,
  args: ['batch-put'],
  input: `["a","1"]\n${bad}\n["z","9"]\n`,
  stderr: new RegExp(
    `^kv: stdin:2: ${typeof message === 'string' ? message : message.source}[^\\n]*; the 1 record before it is stored \\(KV_INVALID_INPUT\\)\\nhint: [^\\n]+\\n$`,
  ),
  code: 3,
  leaves: [['a', '1']],
})

const REFUSED: readonly Case[] = [
  refused('invalid JSON', '{"key":"b","value":x}', /.*at column 20/),
  refused('a record without a key', '{"value":"1"}', /.*key/),
  refused('a record without a value', '{"key":"b"}', /.*value/),
  refused('a key that is no string', '[1,"x"]', /.*key/),
  refused('an empty key', '["","x"]', /.*key/),
  refused('a key that is too long', `["${'k'.repeat(65_536)}","x"]`, /.*65,?535/),
  refused('a bad ttl', '{"key":"b","value":"x","ttl":-1}', /.*ttl/),
  refused('key and key_base64 together', '{"key":"b","key_base64":"Yg==","value":"x"}', /.*key/),
  refused('a lone surrogate', '["b","\\ud800"]', /.*surrogate/),
  {
    name: '--atomic stores nothing when a record is refused',
    args: ['batch-put', '--atomic'],
    input: '["a","1"]\n{\n',
    stderr: /; nothing was stored \(KV_INVALID_INPUT\)\nhint: mend the record and run it again\n$/,
    code: 3,
    leaves: [],
  },
  {
    name: '--on-error skip goes on, names and counts',
    args: ['batch-put', '--on-error', 'skip'],
    input: '["a","1"]\n{bad\n["z","9"]\n',
    stderr: /^kv: skipped stdin:2: .*\n2 put, 1 skipped, /,
    leaves: [
      ['a', '1'],
      ['z', '9'],
    ],
  },
  {
    name: 'nothing but refused records is a failure',
    args: ['batch-put', '--on-error', 'skip'],
    input: '["",1]\n{"key":5,"value":1}\n',
    stderr:
      /^kv: skipped stdin:1: key is empty\nkv: skipped stdin:2: key is not a string\n0 put, 2 skipped, .*\nkv: all 2 records were refused; nothing was stored \(KV_INVALID_INPUT\)\n$/,
    code: 3,
  },
  {
    name: 'says what was expected',
    args: ['batch-put'],
    input: '{"key":"a" "value":1}\n',
    stderr: errorText(
      "stdin:1: invalid JSON at column 12, expected ',' or '}'; nothing was stored",
      'KV_INVALID_INPUT',
      'mend the record and run it again, or use --on-error skip',
    ),
    code: 3,
  },
  {
    name: 'does not recommend to skip what cannot be skipped',
    args: ['batch-put', '--format', 'json'],
    input: '[["a",1],["b",2] ["c",3]]',
    stderr: errorText(
      "stdin:1: invalid JSON at column 18 (record 2), expected ',' or ']'; the 1 record before it is stored",
      'KV_INVALID_INPUT',
      'mend the record and run it again (what is stored already does no harm)',
    ),
    code: 3,
  },
  {
    name: 'says why it does not go on where that was asked for',
    args: ['batch-put', '--format', 'csv', '--on-error', 'skip'],
    input: 'key,value\na,1\nb,"2\nc,3\n',
    stderr: errorText(
      'stdin:3: a quoted field is not closed; the 1 record before it is stored',
      'KV_INVALID_INPUT',
      'mend the record and run it again: it cannot be told where the next record begins, so this one cannot be skipped',
    ),
    code: 3,
  },
  {
    name: '--rejects does not take standard output for a file',
    args: ['batch-put', '--on-error', 'skip', '--rejects', '-'],
    input: '',
    ...usage('--rejects takes a file', 'standard output is /dev/stdout, a file of that name ./-'),
  },
  {
    name: 'refuses an unknown way to go on',
    args: ['batch-put', '--on-error', 'x'],
    ...usage('--on-error cannot be x', 'one of stop skip'),
  },
  {
    name: 'refuses a form it cannot read',
    args: ['batch-put', '--format', 'table'],
    ...usage('batch-put cannot read table', 'one of jsonl json csv tsv lines'),
  },
  {
    name: 'refuses a missing file',
    args: ['batch-put', 'missing'],
    ...usage('cannot read missing: no such file or folder'),
  },
  {
    name: '--rejects needs --on-error skip',
    args: ['batch-put', '--rejects', 'r'],
    ...usage('--rejects needs --on-error skip'),
  },
  {
    name: 'refuses rejects that cannot be written',
    args: ['batch-put', '--on-error', 'skip', '--rejects', 'no/such/r'],
    input: '["a","1"]\n',
    ...usage('cannot write no/such/r: no such file or folder'),
    leaves: [],
  },
]

describe('kv batch-put', () => {
  testCases(READ)
  testCases(REFUSED)

  test('--json prints the summary as one object', async () => {
    const { stdout, code } = await kv(['batch-put', '--json', '--on-error', 'skip'], {
      store: await givenStore(),
      input: '["a","1"]\n{\n',
    })
    expect(code).toBe(0)
    const record = JSON.parse(stdout.toString()) as Record<string, unknown>
    expect(Object.keys(record)).toEqual(['put', 'skipped', 'bytes', 'seconds', 'rows_per_second'])
    expect(record).toMatchObject({ put: 1, skipped: 1, bytes: 12 })
  })

  test('takes the form from the names of several files, and a ttl from CSV', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'a.csv'), 'key,value,ttl\na,1,1000\n')
    writeFileSync(join(cwd, 'b.json.gz'), gzipSync('{"b":"2"}'))
    writeFileSync(join(cwd, 'c.jsonl'), '["c","3"]')
    expectRun(await kv(['batch-put', 'a.csv', 'b.json.gz', 'c.jsonl'], { store, cwd }), { stderr: summary(3) })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
    expectRun(await kv(['ttl', 'b'], { store }), { stdout: 'none\n' })
    expect(Number((await kv(['ttl', 'a'], { store })).stdout)).toBeGreaterThan(900)
  })

  test('a wrong name among several stores nothing', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'a.jsonl'), '["a","1"]')
    expectRun(
      await kv(['batch-put', 'a.jsonl', 'b.jsonl'], { store, cwd }),
      usage('cannot read b.jsonl: no such file or folder'),
    )
    expect(existsSync(store)).toBe(false)
  })

  test('an empty document of JSON has no header to mend', async () => {
    const stderr = errorText(
      'stdin:1: no JSON document at column 1; nothing was stored',
      'KV_INVALID_INPUT',
      'mend the record and run it again',
    )
    expectRun(await kv(['batch-put', '--format', 'json'], { store: await givenStore() }), { stderr, code: 3 })
  })

  test('lines are counted on where another thread goes on with a long input', async () => {
    const cwd = tempDir()
    const lines = `${'x'.repeat(1023)}\n`.repeat(1500)
    writeFileSync(join(cwd, 'long.gz'), gzipSync(Buffer.concat([Buffer.from(lines), Buffer.from([0xff, 0x0a])])))
    const stderr = /^kv: long.gz:1501: invalid UTF-8 at column 1; the 1,500 records before it are stored /
    expectRun(await kv(['batch-put', '--lines', 'long.gz'], { store: await givenStore(), cwd }), { stderr, code: 3 })
  })

  test('all members of gzip are read, and every record before a fault in them is stored', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(
      join(cwd, 'a.jsonl.gz'),
      Buffer.concat([gzipSync('["a","1"]\n'), Buffer.alloc(100), gzipSync('["b","2"]\n'), Buffer.from('["c","3"]\n')]),
    )
    expectRun(await kv(['batch-put', 'a.jsonl.gz'], { store, cwd }), {
      stderr: errorText(
        'a.jsonl.gz: the packed data is damaged or cut off: what follows is not gzip; the 2 records before that are stored',
        'KV_INVALID_INPUT',
      ),
      code: 3,
    })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test('all frames of Zstandard are read', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    // Frames of one raw block each; the last record of the second is cut off.
    const frame = (text: string): Buffer =>
      Buffer.concat([
        Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, text.length, 1 | (text.length << 3), 0, 0]),
        Buffer.from(text),
      ])
    writeFileSync(join(cwd, 'my rows.csv.zst'), Buffer.concat([frame('key,value\na,1\n'), frame('b,2\n')]))
    writeFileSync(join(cwd, 'cut.csv.zst'), Buffer.concat([frame('key,value\nc,1\n'), frame('d,2\n')]).subarray(0, -1))
    const run = await kv(['batch-put', 'my rows.csv.zst'], { store, cwd })
    const cut = await kv(['batch-put', 'cut.csv.zst'], { store, cwd })
    expectRun(run, { stderr: summary(2) })
    expectRun(cut, {
      stderr: errorText(
        'cut.csv.zst: the packed data is damaged or cut off: unexpected end of file; the 1 record before that is stored',
        'KV_INVALID_INPUT',
      ),
      code: 3,
    })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '1'],
    ])
  })

  test('a window that takes too much memory is refused with the program that takes it', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'rows.zst'), Buffer.from('28b52ffd00a8010000', 'hex'))
    expectRun(await kv(['batch-put', 'rows.zst'], { env: { KV_STORE: store }, cwd }), {
      stderr: errorText(
        'rows.zst: it takes 2048 MiB of memory to unpack, and kv takes 128 MiB; nothing was stored',
        'KV_INVALID_INPUT',
        'zstd -dc --long=31 rows.zst | kv batch-put',
      ),
      code: 3,
    })
  })

  test.each([
    ['short.json', '[]', { stderr: summary(0) }],
    ['short.csv', 'x', { stderr: /^kv: short\.csv:1: unknown column "x", expected key,value; nothing/, code: 3 }],
    ['empty.jsonl', '', { stderr: summary(0) }],
  ])('a file shorter than what tells a packed one is read: %s', async (name, input, outcome) => {
    const cwd = tempDir()
    writeFileSync(join(cwd, name), input)
    expectRun(await kv(['batch-put', name], { store: join(cwd, 's.kv'), cwd }), outcome)
  })

  test('a folder is no input', async () => {
    const store = await givenStore()
    expectRun(await shell('kv batch-put < /', { store }), usage('cannot read standard input: it is a folder'))
    expect(existsSync(store)).toBe(false)
  })

  test('--rejects gets the refused records with their places and reasons, and never overwrites an input', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    const input = '["a","1"]\n{bad\n["z"\n'
    writeFileSync(join(cwd, 'a.jsonl'), Buffer.concat([Buffer.from(input), Buffer.from([0x5b, 0xff])]))
    writeFileSync(join(cwd, 'b.csv'), 'key,value\r\n,"x\ny"\r\n')
    expectRun(
      await kv(['batch-put', 'a.jsonl', 'b.csv', '--quiet', '--on-error', 'skip', '--rejects', 'r'], { store, cwd }),
      {},
    )
    expect(
      readFileSync(join(cwd, 'r'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { file: 'a.jsonl', line: 2, reason: 'invalid JSON at column 2, expected a string', source: '{bad' },
      { file: 'a.jsonl', line: 3, reason: "invalid JSON at column 5, expected ',' or ']'", source: '["z"' },
      { file: 'a.jsonl', line: 4, reason: 'invalid UTF-8 at column 2', source_base64: 'W/8=' },
      { file: 'b.csv', line: 2, reason: 'key is empty', source: ',"x\ny"' },
    ])
    expectRun(
      await kv(['batch-put', 'a.jsonl', '--on-error', 'skip', '--rejects', 'a.jsonl'], { store, cwd }),
      usage('--rejects would overwrite a.jsonl, which is an input or the store'),
    )
    expectRun(
      await kv(['batch-put', 'a.jsonl', '--on-error', 'skip', '--rejects', store], { store, cwd }),
      usage(`--rejects would overwrite ${store}, which is an input or the store`),
    )
    expect(readFileSync(join(cwd, 'a.jsonl')).subarray(0, input.length).toString()).toBe(input)
  })

  test.each([1000, 1_000_000])('however many records are refused, memory stays flat: %i', async (count) => {
    const cwd = tempDir()
    const store = await givenStore()
    writeFileSync(join(cwd, 'a.jsonl'), `["a","1"]\n${'x\n'.repeat(count)}["b","2"]\n`)
    // The heap of either thread; the old way needed a gigabyte for the larger file.
    const run = await shell(
      `NODE_OPTIONS=--max-old-space-size=60 kv batch-put a.jsonl --json --on-error skip --rejects r; tail -n 1 r; wc -l < r`,
      { store, cwd },
    )
    const [summaryLine, last, lines] = run.stdout.toString().trim().split('\n')
    expect(JSON.parse(summaryLine!)).toMatchObject({ put: 2, skipped: count })
    expect(JSON.parse(last!)).toMatchObject({ file: 'a.jsonl', line: count + 1, source: 'x' })
    expect(Number(lines)).toBe(count)
    expect(run.stderr.split('\n')).toHaveLength(13)
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test.for([
    ['kv batch-put --store file:w.kv --rejects w.kv bad.jsonl', 'w.kv'],
    ['kv batch-put --store "file://$PWD/w.kv" --rejects w.kv bad.jsonl', 'w.kv'],
    ['kv batch-put --store w.kv --rejects ./w.kv bad.jsonl', './w.kv'],
    ['ln -s w.kv l.kv && kv batch-put --store l.kv --rejects w.kv bad.jsonl', 'w.kv'],
    ['ln -s w.kv l.kv && kv batch-put --store w.kv --rejects l.kv bad.jsonl', 'l.kv'],
    ['kv batch-put --store w.kv --rejects w.kv-wal bad.jsonl', 'w.kv-wal'],
    ['kv batch-put --store file:new.kv --rejects new.kv bad.jsonl', 'new.kv'],
    ['kv batch-put --store w.kv --rejects bad.jsonl < bad.jsonl', 'bad.jsonl'],
    ['kv batch-put --store w.kv --rejects bad.jsonl - < bad.jsonl', 'bad.jsonl'],
  ] as const)(
    '--rejects never overwrites the store or an input, however they are named: %s',
    async ([script, named]) => {
      const cwd = tempDir()
      expectRun(await shell('kv --store w.kv put keep 1', { cwd }), {})
      writeFileSync(join(cwd, 'bad.jsonl'), '["a","1"]\nnot json\n')
      const before = readFileSync(join(cwd, 'w.kv'))
      expectRun(
        await shell(`${script.replace('batch-put', 'batch-put --on-error skip')}`, { cwd }),
        usage(`--rejects would overwrite ${named}, which is an input or the store`),
      )
      expect(readFileSync(join(cwd, 'w.kv')).equals(before)).toBe(true)
      expect(readFileSync(join(cwd, 'bad.jsonl'), 'utf8')).toBe('["a","1"]\nnot json\n')
      expect(existsSync(join(cwd, 'new.kv'))).toBe(false)
      expectRun(await shell('kv --store w.kv get keep', { cwd }), { stdout: '1' })
    },
  )

  test.each([
    ['from a file', 'kv batch-put a.jsonl'],
    ['from a pipe', 'cat a.jsonl | kv batch-put'],
  ])('rejects that cannot be written end the load, %s', async (_, command) => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'a.jsonl'), '["a","1"]\n'.repeat(200_000) + 'x\n'.repeat(100_000))
    const { stderr, code } = await shell(`${command} --on-error skip --quiet --rejects /dev/full`, { store, cwd })
    expect({ stderr, code }).toEqual({
      stderr: expect.stringMatching(/^kv: cannot write the rejects: no space left(; .*)? \(KV_OUTPUT\)\n$/),
      code: 4,
    })
  })

  test('a bad record ends a load from a pipe with a name, also while its writer keeps it open', async () => {
    const script = 'mkfifo pipe && exec 3<>pipe && echo bad >&3 && kv batch-put pipe 3>&-'
    expectRun(await shell(script, { store: await givenStore(), cwd: tempDir() }), {
      stderr: /^kv: pipe:1: invalid JSON at column 1, expected a value; nothing was stored/,
      code: 3,
    })
  })

  test('a .json file with a record a line is read as such, and overwrites no key of the name key', async () => {
    const store = await givenStore([['key', 'precious']])
    const cwd = tempDir()
    writeFileSync(join(cwd, 'nd.json'), '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n')
    writeFileSync(join(cwd, 'foreign.json.gz'), gzipSync('{"id":1,"name":"x"}\n{"id":2,"name":"y"}\n'))
    expectRun(await kv(['batch-put', 'nd.json'], { store, cwd }), { stderr: summary(2) })
    expectRun(await kv(['batch-put', 'foreign.json.gz'], { store, cwd }), {
      stderr:
        /^kv: foreign.json.gz:1: unknown field "id"; nothing was stored \(KV_INVALID_INPUT\)\nhint: a field can be the key: kv batch-put /,
      code: 3,
    })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['key', 'precious'],
    ])
  })
})
