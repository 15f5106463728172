import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Case, type Given, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'

const LETTERS: readonly Given[] = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, key.toUpperCase()])
const left = (keys: string): [string, string][] => [...keys].map((key) => [key, key.toUpperCase()])
const usage = (message: string, hint?: string): { stderr: string; code: number } => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})
const needsYes = (count: string): { stderr: string; code: number } =>
  usage(`this would delete ${count}`, 'see them with --dry-run; to go on, add --yes')
const needsAll = (what: string): { stderr: string; code: number } =>
  usage(`${what} means every key of the store`, 'if that is what you want, add --all')

const CASES: readonly Case[] = [
  {
    name: 'deletes a named key and prints the bare number',
    args: ['del', 'b'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('acde'),
  },
  {
    name: 'deletes several named keys without --yes',
    args: ['del', 'a', 'c', 'e'],
    given: LETTERS,
    stdout: '3\n',
    leaves: left('bd'),
  },
  {
    name: 'deletes what exists and exits 1 when a named key did not',
    args: ['del', 'x', 'a', 'y'],
    given: LETTERS,
    stdout: '1\n',
    stderr: errorText('keys not found: x, y', 'KV_NOT_FOUND'),
    code: 1,
    leaves: left('bcde'),
  },
  {
    name: 'exits 1 when the only key did not exist',
    args: ['del', 'x'],
    given: LETTERS,
    stdout: '0\n',
    stderr: errorText('key not found: x', 'KV_NOT_FOUND'),
    code: 1,
    leaves: left('abcde'),
  },
  {
    name: '--ignore-missing deletes what exists and exits 0',
    args: ['del', 'x', 'a', 'y', '--ignore-missing'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: '--if-value deletes the key that has the value',
    args: ['del', 'a', '--if-value', 'A'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: '--if-value leaves another value, exit 1',
    args: ['del', 'a', '--if-value', 'B', '--ignore-missing'],
    given: LETTERS,
    stdout: '0\n',
    stderr: errorText('not deleted: a exists with another value', 'KV_CONDITION'),
    code: 1,
    leaves: left('abcde'),
  },
  {
    name: '--if-value is written in the encoding of values',
    args: ['del', 'a', '--if-value', '41', '--value-encoding', 'hex'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: '--if-value of a missing key: exit 1',
    args: ['del', 'x', '--if-value', 'A'],
    given: LETTERS,
    stdout: '0\n',
    stderr: errorText('key not found: x', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: '--if-value of a missing key with --ignore-missing: exit 0',
    args: ['del', 'x', '--if-value', 'A', '--ignore-missing'],
    given: LETTERS,
    stdout: '0\n',
  },
  {
    name: '--if-revision deletes the entry of that revision',
    args: ['del', 'b', '--if-revision', '2'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('acde'),
  },
  {
    name: '--if-revision leaves an entry of another revision, exit 1',
    args: ['del', 'b', '--if-revision', '1'],
    given: LETTERS,
    stdout: '0\n',
    stderr: errorText('not deleted: b exists with another revision, 2', 'KV_CONDITION'),
    code: 1,
    leaves: left('abcde'),
  },
  {
    name: '--if-value with --dry-run says what would be deleted',
    args: ['del', 'b', '--if-value', 'B', '--dry-run'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('abcde'),
  },
  ...[['a', 'b'], ['--prefix', 'a'], ['--range', 'a', 'c'], ['--all']].map((named) => ({
    name: `--if-value is refused for ${named.join(' ')}`,
    args: ['del', ...named, '--if-value', 'A', '--yes'],
    given: LETTERS,
    ...usage('--if-value and --if-revision are for one named key'),
    leaves: left('abcde'),
  })),
  {
    name: 'a key named twice is deleted once and was there',
    args: ['del', 'a', 'a'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: 'a key named in two spellings of hex is deleted once',
    args: ['del', '--key-encoding', 'hex', '6a', '6A'],
    given: [['j', '']],
    stdout: '1\n',
    leaves: [],
  },
  {
    name: 'an entry that has expired is not there',
    args: ['del', 'k'],
    given: [['k', 'v', { expires: 978307200000 }]],
    stdout: '0\n',
    stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
    code: 1,
  },
  { name: '--json prints an object', args: ['del', 'a', '--json'], given: LETTERS, stdout: '{"deleted":1}\n' },
  {
    name: '--dry-run of named keys counts and deletes nothing',
    args: ['del', 'a', 'x', '--dry-run'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('abcde'),
  },
  {
    name: 'takes a key that begins with - after --',
    args: ['del', '--', '-k'],
    given: [['-k', '']],
    stdout: '1\n',
    leaves: [],
  },
  {
    name: '--prefix needs --yes without a terminal',
    args: ['del', '--prefix', 'a'],
    given: [
      ['a1', ''],
      ['a2', ''],
      ['b', ''],
    ],
    ...needsYes('2 keys'),
    leaves: [
      ['a1', ''],
      ['a2', ''],
      ['b', ''],
    ],
  },
  {
    name: '--prefix of one key needs --yes without a terminal',
    args: ['del', '--prefix', 'a'],
    given: LETTERS,
    ...needsYes('1 key'),
    leaves: left('abcde'),
  },
  {
    name: '--prefix deletes with --yes',
    args: ['del', '--prefix', 'a', '--yes'],
    given: [
      ['a1', ''],
      ['a2', ''],
      ['b', ''],
    ],
    stdout: '2\n',
    leaves: [['b', '']],
  },
  {
    name: '-y is short for --yes',
    args: ['del', '--prefix', 'a', '-y'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: '--prefix of nothing deletes nothing, exit 0',
    args: ['del', '--prefix', 'x'],
    given: LETTERS,
    stdout: '0\n',
    leaves: left('abcde'),
  },
  {
    name: '--prefix --dry-run counts and deletes nothing',
    args: ['del', '--prefix', 'a', '--dry-run'],
    given: [
      ['a1', ''],
      ['a2', ''],
    ],
    stdout: '2\n',
    leaves: [
      ['a1', ''],
      ['a2', ''],
    ],
  },
  {
    name: '--dry-run --json prints an object',
    args: ['del', '--prefix', 'a', '--dry-run', '--json'],
    given: LETTERS,
    stdout: '{"would_delete":1}\n',
  },
  {
    name: '--dry-run wins over --yes',
    args: ['del', '--prefix', 'a', '--dry-run', '--yes'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('abcde'),
  },
  {
    name: '--range includes both ends',
    args: ['del', '--range', 'b', 'd', '--yes'],
    given: LETTERS,
    stdout: '3\n',
    leaves: left('ae'),
  },
  {
    name: '--range needs --yes without a terminal',
    args: ['del', '--range', 'b', 'd'],
    given: LETTERS,
    ...needsYes('3 keys'),
    leaves: left('abcde'),
  },
  ...([['d'], ['', 'b'], ['b', ''], ['', ''], [], ['a', 'b', 'c']] as const).map((ends): Case => ({
    name: `--range of ${JSON.stringify(ends)} is a wrong call, whatever was agreed to`,
    args: ['del', '--range', ...ends, '--yes', '--all'],
    given: LETTERS,
    ...usage(
      '--range takes exactly START and END, neither empty',
      'to delete from a key on, name the last key as END: kv range --keys --reverse --limit 1',
    ),
    leaves: left('abcde'),
  })),
  {
    name: '--range refuses START after END',
    args: ['del', '--range', 'd', 'b', '--yes'],
    given: LETTERS,
    ...usage('START is after END: d > b', 'keys are ordered by their bytes; for the other direction use --reverse'),
    leaves: left('abcde'),
  },
  {
    name: 'an empty prefix needs --all, even with --yes',
    args: ['del', '--prefix', '', '--yes'],
    given: LETTERS,
    ...needsAll('an empty prefix'),
    leaves: left('abcde'),
  },
  {
    name: '--all still needs --yes without a terminal',
    args: ['del', '--all'],
    given: LETTERS,
    ...needsYes('5 keys'),
    leaves: left('abcde'),
  },
  { name: '--all --yes empties the store', args: ['del', '--all', '--yes'], given: LETTERS, stdout: '5\n', leaves: [] },
  {
    name: '--prefix "" --all --yes empties the store',
    args: ['del', '--prefix', '', '--all', '--yes'],
    given: LETTERS,
    stdout: '5\n',
    leaves: [],
  },
  {
    name: '--all does not widen a prefix',
    args: ['del', '--prefix', 'a', '--all', '--yes'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: '--all does not widen a range',
    args: ['del', '--range', 'a', 'b', '--all', '--yes'],
    given: LETTERS,
    stdout: '2\n',
    leaves: left('cde'),
  },
  {
    name: '--all and named keys exclude each other',
    args: ['del', 'a', '--all', '--yes'],
    given: LETTERS,
    ...usage('--all and named keys exclude each other'),
    leaves: left('abcde'),
  },
  {
    name: '--prefix and named keys exclude each other',
    args: ['del', 'a', '--prefix', 'b', '--yes'],
    given: LETTERS,
    ...usage('--prefix and named keys exclude each other'),
    leaves: left('abcde'),
  },
  {
    name: '--prefix and --range exclude each other',
    args: ['del', '--prefix', 'a', '--range', 'a', 'b'],
    given: LETTERS,
    ...usage('--prefix and --range exclude each other'),
    leaves: left('abcde'),
  },
  {
    name: 'wants something to delete',
    args: ['del'],
    given: LETTERS,
    ...usage('no key to delete', 'name keys, or use --prefix or --range'),
    leaves: left('abcde'),
  },
  {
    name: 'refuses the empty key',
    args: ['del', ''],
    given: LETTERS,
    stderr: errorText('the empty key cannot be stored', 'KV_INVALID_KEY'),
    code: 2,
    leaves: left('abcde'),
  },
  {
    name: 'takes a prefix in hex',
    args: ['del', '--prefix', '61', '--key-encoding', 'hex', '--yes'],
    given: LETTERS,
    stdout: '1\n',
    leaves: left('bcde'),
  },
  {
    name: 'says that --no-sync gives up durability',
    args: ['del', 'a', '--no-sync'],
    given: LETTERS,
    stdout: '1\n',
    stderr: 'kv: --no-sync: a power loss can take the newest writes of this command\n',
    leaves: left('bcde'),
  },
]

describe('kv del', () => {
  testCases(CASES)

  test('makes no file when the store does not exist', async () => {
    const store = await givenStore()
    expectRun(await kv(['del', 'k'], { store }), {
      stdout: '0\n',
      stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
      code: 1,
    })
    expect(existsSync(store)).toBe(false)
  })
})
