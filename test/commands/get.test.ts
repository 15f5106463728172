import { describe, expect, test } from 'vitest'
import { noise } from '../helpers/bytes.ts'
import { type Case, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'

const ADA = ['user:1', 'Ada'] as const
const BOB = ['user:2', 'Bob'] as const
const notFound = (name: string): string => errorText(`key not found: ${name}`, 'KV_NOT_FOUND')

const CASES: readonly Case[] = [
  {
    name: 'prints the exact bytes of a value into a pipe, and no line end',
    args: ['get', 'user:1'],
    given: [ADA],
    stdout: 'Ada',
  },
  { name: 'keeps the line end of a value', args: ['get', 'k'], given: [['k', 'one\n']], stdout: 'one\n' },
  { name: 'prints nothing for an empty value', args: ['get', 'k'], given: [['k', '']], stdout: '' },
  {
    name: 'prints every byte as it is',
    args: ['get', 'k'],
    given: [['k', Uint8Array.from({ length: 256 }, (_, i) => i)]],
    stdout: Uint8Array.from({ length: 256 }, (_, i) => i),
  },
  {
    name: 'exits 1 for a missing key and prints nothing on stdout',
    args: ['get', 'user:9'],
    given: [ADA],
    stderr: notFound('user:9'),
    code: 1,
  },
  {
    name: 'escapes control bytes in the name of a missing key',
    args: ['get', 'a\u001b[31mb\u202ec\n'],
    stderr: notFound('a\\x1b[31mb\\u{202e}c\\n'),
    code: 1,
  },
  {
    name: 'cuts the name of a very long missing key',
    args: ['get', 'k'.repeat(100)],
    stderr: notFound(`${'k'.repeat(59)}…`),
    code: 1,
  },
  {
    name: 'prints several keys as range does, in the order asked',
    args: ['get', 'user:2', 'user:1'],
    given: [ADA, BOB],
    stdout: '{"key":"user:2","value":"Bob"}\n{"key":"user:1","value":"Ada"}\n',
  },
  {
    name: 'prints the keys that exist, names the missing ones and exits 1',
    args: ['get', 'x', 'user:1', 'y'],
    given: [ADA],
    stdout: '{"key":"user:1","value":"Ada"}\n',
    stderr: errorText('keys not found: x, y', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: 'names one missing key of several',
    args: ['get', 'user:1', 'y'],
    given: [ADA],
    stdout: '{"key":"user:1","value":"Ada"}\n',
    stderr: notFound('y'),
    code: 1,
  },
  {
    name: 'prints the default of a missing key, exit 0',
    args: ['get', 'theme', '--default', 'light'],
    stdout: 'light',
  },
  {
    name: 'prints the value where there is one, not the default',
    args: ['get', 'user:1', '--default', 'light'],
    given: [ADA],
    stdout: 'Ada',
  },
  { name: 'takes an empty default', args: ['get', 'theme', '--default', ''], stdout: '' },
  { name: 'takes a negative number as the default', args: ['get', 'theme', '--default', '-1'], stdout: '-1' },
  {
    name: 'reads the default in the encoding of values',
    args: ['get', 'k', '--default', 'ff00', '--value-encoding', 'hex', '--format', 'raw'],
    stdout: 'ff00',
  },
  {
    name: 'refuses a default for several keys',
    args: ['get', 'a', 'b', '--default', 'x'],
    stderr: errorText('--default is for one key', 'KV_USAGE'),
    code: 2,
  },
  {
    name: 'refuses the empty key',
    args: ['get', ''],
    stderr: errorText('the empty key cannot be stored', 'KV_INVALID_KEY'),
    code: 2,
  },
  {
    name: 'wants a key',
    args: ['get'],
    stderr: errorText('missing argument KEY', 'KV_USAGE', 'kv get --help shows how it is called'),
    code: 2,
  },
  {
    name: 'finds nothing of a value that has expired',
    args: ['get', 'k'],
    given: [['k', 'v', { expires: 978307200000 }]],
    stderr: notFound('k'),
    code: 1,
  },
  {
    name: 'takes the key in hex',
    args: ['get', '--key-encoding', 'hex', '61FF'],
    given: [[new Uint8Array([0x61, 0xff]), 'v']],
    stdout: 'v',
  },
  {
    name: 'takes the key in base64 of either alphabet',
    args: ['get', '--key-encoding', 'base64', '_-8'],
    given: [[new Uint8Array([0xff, 0xef]), 'v']],
    stdout: 'v',
  },
  {
    name: 'refuses a key that is no hex',
    args: ['get', '--key-encoding', 'hex', 'xyz'],
    stderr: errorText('not a key in hex: xyz', 'KV_INVALID_KEY', 'two hex digits for each byte, such as 00ff'),
    code: 2,
  },
  {
    name: 'refuses a key that is no base64',
    args: ['get', '--key-encoding', 'base64', 'a=b'],
    stderr: errorText('not a key in base64: a=b', 'KV_INVALID_KEY'),
    code: 2,
  },
  {
    name: 'prints the value in hex',
    args: ['get', 'k', '--value-encoding', 'hex'],
    given: [['k', 'Az']],
    stdout: '417a',
  },
  {
    name: 'prints the value in base64',
    args: ['get', 'k', '--value-encoding', 'base64'],
    given: [['k', 'Az']],
    stdout: 'QXo=',
  },
  {
    name: 'shows a missing key that is not text in hex',
    args: ['get', '--key-encoding', 'hex', 'ff'],
    stderr: notFound('hex:ff'),
    code: 1,
  },
  {
    name: '--json prints the entry as one JSON object',
    args: ['get', 'user:1', '--json'],
    given: [ADA],
    stdout: '{"key":"user:1","value":"Ada"}\n',
  },
  {
    name: '--format raw prints the exact bytes',
    args: ['get', 'user:1', '--format', 'raw'],
    given: [ADA],
    stdout: 'Ada',
  },
  {
    name: '--format json prints one array',
    args: ['get', 'user:1', '--format', 'json'],
    given: [ADA],
    stdout: '[\n{"key":"user:1","value":"Ada"}\n]\n',
  },
  {
    name: '--format csv prints the entry under a header',
    args: ['get', 'user:1', '--format', 'csv'],
    given: [ADA],
    stdout: 'key,value\nuser:1,Ada\n',
  },
  {
    name: '--json says when the entry expires',
    args: ['get', 'k', '--json'],
    given: [['k', 'v', { expires: 4102444800000 }]],
    stdout: '{"key":"k","value":"v","expires":"2100-01-01T00:00:00.000Z"}\n',
  },
  {
    name: '--json-values writes a JSON value as it is stored',
    args: ['get', 'k', '--json', '--json-values'],
    given: [['k', '{"b":1E400, "a":2}']],
    stdout: '{"key":"k","value":{"b":1E400, "a":2}}\n',
  },
  {
    name: 'takes the same key twice',
    args: ['get', 'user:1', 'user:1'],
    given: [ADA],
    stdout: '{"key":"user:1","value":"Ada"}\n'.repeat(2),
  },
  { name: 'takes a key that begins with - after --', args: ['get', '--', '-k'], given: [['-k', 'v']], stdout: 'v' },
  { name: 'takes a negative number as a key', args: ['get', '-5'], given: [['-5', 'v']], stdout: 'v' },
]

describe('kv get', () => {
  testCases(CASES)

  test('refuses a key longer than the driver takes, with the limit', async () => {
    const run = await kv(['get', 'k'.repeat(65_536)], { store: await givenStore([ADA]) })
    expectRun(run, {
      stderr: /^kv: a key of 65536 bytes is over this store's limit of 65535 \(KV_TOO_LARGE\)\n$/,
      code: 2,
    })
  })

  test('prints a value of many megabytes whole', async () => {
    const value = noise(5_000_000)
    const { stdout, code } = await kv(['get', 'big'], { store: await givenStore([['big', value]]) })
    expect(code).toBe(0)
    expect(stdout.equals(value)).toBe(true)
  })
})
