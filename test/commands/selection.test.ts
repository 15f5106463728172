import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Case, type Given, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'
import { script } from '../repl/scripts.ts'
import { given } from '../repl/sessions.ts'

const ADA = ['user:1', '{"id":1,"name":"Ada","address":{"city":"London","tags":["a",\n"b"]}}'] as const
const BOB = ['user:2', '{"id":2,"name":"B\\u00f6b"}'] as const
const TEXT = ['user:3', 'plain'] as const
const BINARY = ['user:4', Uint8Array.of(0xff, 0xfe)] as const
const ALL: readonly Given[] = [ADA, BOB, TEXT, BINARY]

const together = (one: string, other: string): string => errorText(`${one} cannot be used with ${other}`, 'KV_USAGE')
const noField = (what: string): string => errorText(`no field ${what}`, 'KV_NOT_FOUND')

describe('kv get KEY .FIELD', () => {
  const CASES: readonly Case[] = [
    { name: 'prints the text of a string', args: ['get', 'user:2', '.name'], given: ALL, stdout: 'Böb' },
    { name: 'goes into objects', args: ['get', 'user:1', '.address.city'], given: ALL, stdout: 'London' },
    { name: 'goes into arrays', args: ['get', 'user:1', '.address.tags.1'], given: ALL, stdout: 'b' },
    {
      name: 'prints the exact source of what is no string',
      args: ['get', 'user:1', '.address'],
      given: ALL,
      stdout: '{"city":"London","tags":["a",\n"b"]}',
    },
    { name: '--field is the same', args: ['get', 'user:1', '--field', 'id'], given: ALL, stdout: '1' },
    {
      name: 'with --json the field is JSON, on one line',
      args: ['get', 'user:1', '.address', '--json'],
      given: ALL,
      stdout: '{"key":"user:1","value":{"city":"London","tags":["a", "b"]}}\n',
    },
    {
      name: 'with --json a string keeps its source',
      args: ['get', 'user:2', '.name', '--json'],
      given: ALL,
      stdout: '{"key":"user:2","value":"B\\u00f6b"}\n',
    },
    {
      name: 'with --json-values so it does alone',
      args: ['get', 'user:2', '.name', '--json-values'],
      given: ALL,
      stdout: '"B\\u00f6b"',
    },
    {
      name: 'with --format pretty an object is indented',
      args: ['get', 'user:1', '.address.tags', '--format', 'pretty'],
      given: ALL,
      stdout: '[\n  "a",\n  "b"\n]\n',
    },
    {
      name: 'null is a value',
      args: ['get', 'k', '.a'],
      given: [['k', '{"a":null}']],
      stdout: 'null',
    },
    {
      name: 'an empty string is printed as that',
      args: ['get', 'k', '.a'],
      given: [['k', '{"a":""}']],
      stdout: '',
    },
    {
      name: 'exits 1 where there is no such field',
      args: ['get', 'user:1', '.zip'],
      given: ALL,
      stderr: noField('zip in user:1'),
      code: 1,
    },
    {
      name: 'exits 1 where the value is no JSON',
      args: ['get', 'user:3', '.zip'],
      given: ALL,
      stderr: noField('zip in user:3, whose value is not JSON'),
      code: 1,
    },
    {
      name: 'exits 1 where the value is binary',
      args: ['get', 'user:4', '.zip'],
      given: ALL,
      stderr: noField('zip in user:4, whose value is not JSON'),
      code: 1,
    },
    {
      name: 'exits 1 where the value is JSON without fields',
      args: ['get', 'k', '.zip'],
      given: [['k', '12']],
      stderr: noField('zip in k, whose value is no object'),
      code: 1,
    },
    {
      name: 'exits 1 where there is no such key',
      args: ['get', 'user:9', '.zip'],
      given: ALL,
      stderr: errorText('key not found: user:9', 'KV_NOT_FOUND'),
      code: 1,
    },
    {
      name: '--default stands for a missing field',
      args: ['get', 'user:1', '.zip', '--default', '"none"'],
      given: ALL,
      stdout: '"none"',
    },
    {
      name: '--default stands for a missing key, as a text also in JSON',
      args: ['get', 'user:9', '.zip', '--default', '{"a":1}', '--json'],
      given: ALL,
      stdout: '{"key":"user:9","value":"{\\"a\\":1}"}\n',
    },
    {
      name: '--default does not stand for a field that is there',
      args: ['get', 'user:1', '.id', '--default', 'none'],
      given: ALL,
      stdout: '1',
    },
    {
      name: 'of several keys prints entries, and names each that has nothing',
      args: ['get', 'user:9', 'user:2', 'user:1', 'user:3', '.id'],
      given: ALL,
      stdout: '{"key":"user:2","value":2}\n{"key":"user:1","value":1}\n',
      stderr: errorText('key not found: user:9; no field id in user:3, whose value is not JSON', 'KV_NOT_FOUND'),
      code: 1,
    },
    {
      name: 'of several keys in CSV prints texts',
      args: ['get', 'user:2', 'user:1', '.name', '--format', 'csv'],
      given: ALL,
      stdout: 'key,value\nuser:2,Böb\nuser:1,Ada\n',
    },
    {
      name: 'behind -- is a key',
      args: ['get', '--', 'user:1', '.id'],
      given: [ADA, ['.id', 'x']],
      stdout: /^\{"key":"user:1",.*\}\n\{"key":"\.id","value":"x"\}\n$/,
    },
    {
      name: 'before -- is a field, and behind it a key',
      args: ['get', 'user:1', '.id', '--', '.id'],
      given: [ADA, ['.id', '{"id":5}']],
      stdout: '{"key":"user:1","value":1}\n{"key":".id","value":5}\n',
    },
    { name: 'as the first operand is a key', args: ['get', '.id'], given: [['.id', 'x']], stdout: 'x' },
    {
      name: 'is one at a time',
      args: ['get', 'user:1', '.id', '.name'],
      stderr: errorText(
        'one field at a time, not .id .name',
        'KV_USAGE',
        'several fields: --columns id,name; keys that begin with a dot stand after --',
      ),
      code: 2,
    },
    {
      name: 'does not go with --field',
      args: ['get', 'user:1', '.id', '--field', 'name'],
      stderr: errorText('.id cannot be used with --field', 'KV_USAGE', 'one field at a time; several: --columns'),
      code: 2,
    },
    {
      name: 'must name something',
      args: ['get', 'user:1', '.'],
      stderr: errorText("not a field: ''", 'KV_USAGE', 'names joined by dots: id, address.city, \'"a.b".c\''),
      code: 2,
    },
    {
      name: 'takes brackets for a name, and says how elements are written',
      args: ['get', 'user:1', '.tags[0]'],
      given: ALL,
      stderr: errorText('no field tags[0] in user:1', 'KV_NOT_FOUND', 'an element of an array: .tags.0'),
      code: 1,
    },
  ]
  testCases(CASES)
})

describe('kv range --field', () => {
  const CASES: readonly Case[] = [
    {
      name: 'leaves out entries without it',
      args: ['range', '--field', 'name'],
      given: ALL,
      stdout: '{"key":"user:1","value":"Ada"}\n{"key":"user:2","value":"B\\u00f6b"}\n',
    },
    {
      name: 'with --values prints texts',
      args: ['range', '--values', '--field', 'name'],
      given: ALL,
      stdout: 'Ada\nBöb\n',
    },
    {
      name: 'with --values and --json prints JSON',
      args: ['range', '--values', '--field', 'id', '--json'],
      given: ALL,
      stdout: '1\n2\n',
    },
    { name: 'with -0', args: ['range', '--values', '--field', 'id', '-0'], given: ALL, stdout: '1\x002\0' },
    {
      name: 'with --keys prints the keys that have it',
      args: ['range', '--keys', '--field', 'address'],
      given: ALL,
      stdout: 'user:1\n',
    },
    {
      name: 'counts what is printed by --limit',
      args: ['range', '--reverse', '--limit', '1', '--field', 'id', '--format', 'csv'],
      given: ALL,
      stdout: 'key,value\nuser:2,2\n',
    },
    { name: 'prints nothing with --limit 0', args: ['range', '--limit', '0', '--field', 'id'], given: ALL },
    ...[
      ['--count', '--count'],
      ['--value-encoding=hex', '--value-encoding'],
    ].map(([arg, other]) => ({
      name: `does not go with ${other}`,
      args: ['range', '--field', 'a', arg!],
      stderr: together('--field', other!),
      code: 2,
    })),
  ]
  testCases(CASES)
})

describe('--columns', () => {
  const CASES: readonly Case[] = [
    {
      name: 'prints a column each, and says of how many values it knows nothing',
      args: ['range', '--columns', 'key,name,address.city', '--format', 'csv'],
      given: ALL,
      stdout: 'key,name,address.city\nuser:1,Ada,London\nuser:2,Böb,\nuser:3,,\nuser:4,,\n',
      stderr: 'kv: 2 values are no JSON objects: their fields are empty\n',
    },
    {
      name: '--quiet says nothing of that',
      args: ['range', '--quiet', '--columns', 'key,nmae', '--format', 'tsv'],
      given: [ADA, TEXT],
      stdout: 'key\tnmae\nuser:1\t\nuser:3\t\n',
    },
    {
      name: 'names a field that no value has',
      args: ['range', '--columns', 'key,nmae', '--format', 'tsv'],
      given: [ADA],
      stdout: 'key\tnmae\nuser:1\t\n',
      stderr: 'kv: no value has a field nmae\n',
    },
    {
      name: 'is JSON Lines into a pipe',
      args: ['range', '--limit', '1', '--columns', 'address,id'],
      given: ALL,
      stdout: '{"address":{"city":"London","tags":["a", "b"]},"id":1}\n',
    },
    {
      name: 'is one array with --format json',
      args: ['range', '--limit', '2', '--columns', 'id', '--format', 'json'],
      given: ALL,
      stdout: '[\n{"id":1},\n{"id":2}\n]\n',
    },
    {
      name: 'of get is a row',
      args: ['get', 'user:1', '--columns', 'name,id', '--format', 'csv'],
      given: ALL,
      stdout: 'name,id\nAda,1\n',
    },
    {
      name: 'of several keys is a row each, in the order asked',
      args: ['get', 'user:2', 'user:1', '--columns', 'id'],
      given: ALL,
      stdout: '{"id":2}\n{"id":1}\n',
    },
    {
      name: 'takes the default of get as a value',
      args: ['get', 'user:9', '--columns', 'key,id', '--default', '{"id":0}'],
      stdout: '{"key":"user:9","id":0}\n',
    },
    {
      name: 'refuses bytes that CSV cannot say',
      args: ['range', '--columns', 'value', '--format', 'csv'],
      given: [BINARY],
      stderr: /^kv: the entry of key user:4 is not UTF-8, which CSV and TSV cannot say \(KV_USAGE\)\nhint: /,
      code: 2,
    },
    {
      name: 'writes them in an encoding',
      args: ['range', '--columns', 'value,key', '--value-encoding', 'hex', '--format', 'csv'],
      given: [BINARY],
      stdout: 'value,key\nfffe,user:4\n',
    },
    ...['raw', 'pretty'].map((format) => ({
      name: `has no form in ${format}`,
      args: ['range', '--columns', 'id', '--format', format],
      given: ALL,
      stderr: errorText(`columns cannot be printed as ${format}`, 'KV_USAGE', 'one of table jsonl json csv tsv'),
      code: 2,
    })),
    ...['--keys', '--values', '--count', '--json-values', '-0', '--template=x', '--field=x'].map((other) => ({
      name: `does not go with ${other}`,
      args: ['range', '--columns', 'id', other],
      stderr: together('--columns', other.replace('=x', '')),
      code: 2,
    })),
    {
      name: 'refuses what is no list of names',
      args: ['range', '--columns', 'id,,name'],
      stderr: errorText(
        'not a list of columns: id,,name',
        'KV_USAGE',
        'names and commas between them: id,name,address.city',
      ),
      code: 2,
    },
  ]
  testCases(CASES)

  test('a column expires has the moment, and nothing for what stays', async () => {
    const expires = Date.now() + 1e6
    const store = await givenStore([
      ['a', '{"id":1}', { expires }],
      ['b', '{"id":2}'],
    ])
    expectRun(await kv(['range', '--columns', 'id,expires', '--format', 'csv'], { store }), {
      stdout: `id,expires\n1,${new Date(expires).toISOString()}\n2,\n`,
    })
  })
})

describe('--template', () => {
  const CASES: readonly Case[] = [
    {
      name: 'prints a line an entry',
      args: ['range', '--limit', '2', '--template', '{key}: {value.name}, {value.address.city}.\\t{value.id:03}'],
      given: ALL,
      stdout: 'user:1: Ada, London.\t001\nuser:2: Böb, .\t002\n',
    },
    {
      name: 'ends lines in NUL with -0',
      args: ['range', '--template', '{value}', '-0', '--reverse', '--limit', '2'],
      given: ALL,
      stdout: Uint8Array.from([0xff, 0xfe, 0, ...Buffer.from('plain'), 0]),
    },
    {
      name: 'of get is a line',
      args: ['get', 'user:1', '--template', '{value.name}'],
      given: ALL,
      stdout: 'Ada\n',
    },
    {
      name: 'of several keys, one of which is missing',
      args: ['get', 'user:2', 'user:9', '--template', '{key}'],
      given: ALL,
      stdout: 'user:2\n',
      stderr: errorText('key not found: user:9', 'KV_NOT_FOUND'),
      code: 1,
    },
    {
      name: 'writes keys that are not UTF-8 as they are',
      args: ['range', '--template', '{key}'],
      given: [[Uint8Array.of(0xff), '']],
      stdout: Uint8Array.of(0xff, 0x0a),
    },
    {
      name: 'wins over a form that variables ask for',
      args: ['range', '--template', '{key}', '--limit', '1'],
      given: ALL,
      env: { KV_JSON: '1', KV_FORMAT: 'csv' },
      stdout: 'user:1\n',
    },
    ...['--keys', '--values', '--count', '--json-values', '--json', '--format=csv', '--field=x'].map((other) => ({
      name: `does not go with ${other}`,
      args: ['range', '--template', 'x', other],
      stderr: together('--template', other.replace(/=.*/, '')),
      code: 2,
    })),
    {
      name: 'knows the fields of an entry',
      args: ['range', '--template', '{name}'],
      stderr: errorText(
        'no field name in an entry',
        'KV_USAGE',
        'key, value, expires; a field of the value: {value.name}',
      ),
      code: 2,
    },
    {
      name: 'knows four escapes',
      args: ['range', '--template', '\\x1b[0m'],
      stderr: errorText('no escape \\x in templates', 'KV_USAGE', 'there are \\n \\t \\0 and \\\\'),
      code: 2,
    },
  ]
  testCases(CASES)
})

describe('on a terminal', () => {
  beforeEach((context) => needTerminal(context))

  /** Whatever a terminal obeys, besides the line ends that it makes itself. */
  const OBEYED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e]|\r(?!\n)/
  const HOSTILE: readonly Given[] = [
    ['a\u001b[2Jb\u202e', JSON.stringify({ name: 'x\u001b]0;t\u0007\r\u009b31m', list: ['\u202e'] })],
    [Uint8Array.of(0x6b, 0xff), Uint8Array.of(0xff, 0x1b)],
  ]

  test.for([
    ['range', '--template', '{key} {value.name}\\0 {value}'],
    ['range', '--columns', 'key,value,name,list'],
    ['range', '--columns', 'key,name,list', '--format', 'jsonl'],
    ['range', '--columns', 'name,list', '--format', 'csv'],
    ['range', '--columns', '"x\\u001b[1m"'],
    ['range', '--field', 'name'],
    ['range', '--values', '--field', 'name'],
    ['get', '--field', 'name', HOSTILE[0]![0] as string],
    ['range', '--columns', 'x\u001b[1m'],
    ['get', '--field', 'x\u001b[1m', HOSTILE[0]![0] as string],
  ])('nothing stored controls it: %j', async (args) => {
    const tty = terminal([...args, '--no-color'], { store: await givenStore(HOSTILE) })
    await tty.ended
    expect(tty.raw).not.toMatch(OBEYED)
  })

  test.for([24, 40, 80, 200])('columns make a table of %d columns, a line an entry', async (columns) => {
    const store = await givenStore([
      ['user:1', JSON.stringify({ name: 'Ada Lovelace', city: 'London, '.repeat(30), age: 36 })],
      ['user:2', JSON.stringify({ name: '漢字'.repeat(40), age: 1 })],
    ])
    const tty = terminal(['range', '--columns', 'key,city,age'], { store, columns })
    await tty.ended
    const lines = tty.screen().split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^key +city +age$/)
    expect(lines.at(-1)).toBe('(2 rows)')
  })

  test('a template that ends a line in the middle, and tabs, are shown as such', async () => {
    const tty = terminal(['range', '--template', '{key}\\n\\t{value.id}'], { store: await givenStore([BOB]) })
    await tty.ended
    expect(tty.raw).toBe('user:2\r\n\t2\r\n')
  })

  test('a field gets a line end', async () => {
    const tty = terminal(['get', 'user:2', '.name'], { store: await givenStore([BOB]) })
    await tty.ended
    expect(tty.raw).toBe('Böb\r\n')
  })
})

test('a session and a server print the same', async () => {
  const home = await given([ADA, BOB, TEXT] as [string, string][])
  const lines = [
    'get user:1 .address.city',
    'get user:1 user:3 .name',
    'get user:1 .zip --default none',
    'get user:1 .zip',
    'get -- user:1 .zip',
    'range --columns key,name --format csv',
    "range --limit 2 --template '{key}\\t{value.id:03}'",
    'range --limit 1 --field id',
    'range --limit 1 --field id --reverse --json',
  ]
  const server = await served([], { store: join(home, 't.kv') })
  const outcomes = await Promise.all([
    ...lines.map(async (line) => {
      const { stdout, stderr, code } = await script(line, { home })
      return { stdout, stderr: stderr.replace(/^.*line 1.*\n/gm, ''), code }
    }),
  ])
  for (const [at, line] of lines.entries()) {
    const words = [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word)
    const [local, remote] = await Promise.all([
      kv(words, { store: join(home, 't.kv') }),
      kv(words, { store: server.url }),
    ])
    expectRun(remote, { stdout: local.stdout, stderr: local.stderr, code: local.code! })
    expect(outcomes[at]).toMatchObject({ stdout: local.stdout.toString(), code: local.code })
    expect(outcomes[at]!.stderr).toContain(local.stderr)
  }
})
