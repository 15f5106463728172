import { expect, test } from 'vitest'
import { givenStore, kv } from '../helpers/kv.ts'

const MILLIONS = 30_000_000

/** Little room for JavaScript: a value of that length as one string, or as its parts, does not fit. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=40' }

test.for<[string, readonly string[], string, number]>([
  [
    'CSV of nothing but quotes',
    ['range', '--format', 'csv'],
    '"'.repeat(MILLIONS),
    'key,value\nk,""\n'.length + 2 * MILLIONS,
  ],
  [
    'TSV of nothing but tabs',
    ['range', '--format', 'tsv'],
    '\t'.repeat(MILLIONS),
    'key\tvalue\nk\t\n'.length + 2 * MILLIONS,
  ],
  [
    'JSON as JSON',
    ['range', '--json-values'],
    `[${'"a",'.repeat(MILLIONS / 4)}1]`,
    '{"key":"k","value":[1]}\n'.length + MILLIONS,
  ],
  [
    'JSON Lines of control characters',
    ['range', '--prefix', 'k'],
    '\u0001'.repeat(MILLIONS),
    '{"key":"k","value":""}\n'.length + 6 * MILLIONS,
  ],
  [
    'what peek says of JSON',
    ['peek', 'k'],
    `[${'"a",'.repeat(MILLIONS / 4)}1]`,
    'json array, 30 MB, revision 1\n'.length + 2 * 200 + '\n…\n'.length + 2 + 1,
  ],
])('%s is made in parts', async ([, args, value, length]) => {
  const store = await givenStore([['k', value]])
  const run = await kv(args, { store, env: SMALL_HEAP })
  expect({ code: run.code, stderr: run.stderr, length: run.stdout.length }).toEqual({ code: 0, stderr: '', length })
})
