import { describe } from 'vitest'
import { type Case, testCases } from '../helpers/kv.ts'

/** The record of a value `1`, with other fields in place of its own. */
const json = (key: Record<string, unknown>, fields: Record<string, unknown> = {}): string =>
  `${JSON.stringify({ ...key, type: 'json number', bytes: 1, revision: 1, expires: null, head: '1', tail: null, ...fields })}\n`
const LONG_KEY = 'k'.repeat(100)
const LONG_TEXT = `${'\u{1f600}'.repeat(200)}x\ufffdy${'é'.repeat(1000)}`

const CASES: readonly Case[] = [
  {
    name: '--json has the whole key',
    args: ['peek', LONG_KEY, '--json'],
    given: [[LONG_KEY, '1']],
    stdout: json({ key: LONG_KEY }),
  },
  {
    name: '--json has a key with controls as JSON has it',
    args: ['peek', 'a\tb\n', '--json'],
    given: [['a\tb\n', '1']],
    stdout: json({ key: 'a\tb\n' }),
  },
  {
    name: '--json has a key in the encoding asked for',
    args: ['peek', 'ff00', '--key-encoding', 'hex', '--json'],
    given: [[new Uint8Array([0xff, 0]), '1']],
    stdout: json({ key_hex: 'ff00' }),
  },
  {
    name: 'a short text is shown whole',
    args: ['peek', 'k'],
    given: [['k', 'a\u001b[1m\nb']],
    stdout: 'text, 7 B, revision 1\na\\x1b[1m\\nb\n',
  },
  {
    name: 'a long text is cut between characters',
    args: ['peek', 'k', '--json'],
    given: [['k', LONG_TEXT]],
    stdout: json(
      { key: 'k' },
      { type: 'text', bytes: Buffer.byteLength(LONG_TEXT), head: '\u{1f600}'.repeat(100), tail: 'é'.repeat(200) },
    ),
  },
  {
    name: 'a stored U+FFFD stays',
    args: ['peek', 'k', '--json'],
    given: [['k', 'a\ufffdb']],
    stdout: json({ key: 'k' }, { type: 'text', bytes: 5, head: 'a\ufffdb' }),
  },
  {
    name: 'long JSON is recognized',
    args: ['peek', 'k'],
    given: [['k', JSON.stringify(['v'.repeat(5_000_000)])]],
    stdout: `json array, 5.0 MB, revision 1\n["${'v'.repeat(198)}\n…\n${'v'.repeat(198)}"]\n`,
  },
  {
    name: 'binary has no head',
    args: ['peek', 'k'],
    given: [['k', new Uint8Array([0xff, 1])]],
    stdout: 'binary, 2 B, revision 1\n',
  },
]

describe('kv peek', () => testCases(CASES))
