import { describe, expect, test } from 'vitest'
import { type Case, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'

const CASES: readonly Case[] = [
  { name: 'prints none for an entry that does not expire', args: ['ttl', 'k'], given: [['k', 'v']], stdout: 'none\n' },
  { name: '--json prints null for none', args: ['ttl', 'k', '--json'], given: [['k', 'v']], stdout: '{"ttl":null}\n' },
  {
    name: 'exits 1 for a missing key',
    args: ['ttl', 'k'],
    stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
    code: 1,
  },
  {
    name: 'exits 1 for an entry that has expired',
    args: ['ttl', 'k'],
    given: [['k', 'v', { expires: 978307200000 }]],
    stderr: errorText('key not found: k', 'KV_NOT_FOUND'),
    code: 1,
  },
  { name: 'takes the key in hex', args: ['ttl', '--key-encoding', 'hex', '6b'], given: [['k', 'v']], stdout: 'none\n' },
  {
    name: 'wants a key',
    args: ['ttl'],
    stderr: errorText('missing argument KEY', 'KV_USAGE', 'kv ttl --help shows how it is called'),
    code: 2,
  },
  {
    name: 'takes one key only',
    args: ['ttl', 'a', 'b'],
    stderr: errorText(
      'too many arguments: ttl takes at most 1, not 2',
      'KV_USAGE',
      'what holds blanks needs quotes; kv ttl --help shows how it is called',
    ),
    code: 2,
  },
]

describe('kv ttl', () => {
  testCases(CASES)

  test.for([
    [['ttl', 'k'], /^(\d+)\n$/],
    [['ttl', 'k', '--json'], /^\{"ttl":(\d+)\}\n$/],
  ] as const)('prints the whole seconds left: kv %j', async ([args, pattern]) => {
    const before = Date.now()
    const store = await givenStore([['k', 'v', { expires: before + 90_000 }]])
    const { stdout, stderr, code } = await kv(args, { store })
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const left = Number(pattern.exec(stdout.toString())?.[1])
    expect(left).toBeLessThanOrEqual(90)
    expect(left).toBeGreaterThanOrEqual(90 - Math.ceil((Date.now() - before) / 1000))
  })

  test('a put with --ttl is seen by ttl', async () => {
    const store = await givenStore()
    expectRun(await kv(['put', 'k', 'v', '--ttl', '7d'], { store }), {})
    expectRun(await kv(['ttl', 'k'], { store }), { stdout: '604800\n' })
  })
})
