import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Case, type Given, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'

const LETTERS: readonly Given[] = ['a', 'b', 'c', 'd', 'e'].map((key) => [key, ''])

const CASES: readonly Case[] = [
  { name: 'prints a bare number', args: ['count'], given: LETTERS, stdout: '5\n' },
  { name: 'prints 0 for a store that does not exist', args: ['count'], stdout: '0\n' },
  { name: 'includes both ends', args: ['count', 'b', 'd'], given: LETTERS, stdout: '3\n' },
  { name: 'takes --prefix', args: ['count', '--prefix', 'c'], given: LETTERS, stdout: '1\n' },
  { name: 'takes --after', args: ['count', '--after', 'c'], given: LETTERS, stdout: '2\n' },
  { name: 'takes --after with --reverse', args: ['count', '--after', 'b', '--reverse'], given: LETTERS, stdout: '1\n' },
  { name: 'takes --limit', args: ['count', '--limit', '3'], given: LETTERS, stdout: '3\n' },
  { name: 'takes bounds in hex', args: ['count', '--key-encoding', 'hex', '61', '62'], given: LETTERS, stdout: '2\n' },
  { name: '--json prints an object', args: ['count', '--json'], given: LETTERS, stdout: '{"count":5}\n' },
  {
    name: '--format jsonl prints an object',
    args: ['count', '--format', 'jsonl'],
    given: LETTERS,
    stdout: '{"count":5}\n',
  },
  {
    name: 'does not count what has expired',
    args: ['count'],
    given: [
      ['a', '', { expires: 978307200000 }],
      ['b', ''],
    ],
    stdout: '1\n',
  },
  {
    name: 'refuses START after END',
    args: ['count', 'b', 'a'],
    stderr: errorText(
      'START is after END: b > a',
      'KV_USAGE',
      'keys are ordered by their bytes; for the other direction use --reverse',
    ),
    code: 2,
  },
]

describe('kv count', () => {
  testCases(CASES)

  test('makes no file when the store does not exist', async () => {
    const store = await givenStore()
    expectRun(await kv(['count'], { store }), { stdout: '0\n' })
    expect(existsSync(store)).toBe(false)
  })
})
