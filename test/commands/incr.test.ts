import { describe, expect, test } from 'vitest'
import { type Case, errorText, expectRun, givenStore, kv, kvProcess, testCases } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'

const MOST = '9223372036854775807'
const LEAST = '-9223372036854775808'

const noInteger = (shown: string): Pick<Case, 'stderr' | 'code'> => ({
  stderr: errorText(
    `the value of n is not an integer of 64 bits: ${shown}`,
    'KV_NOT_INTEGER',
    'to count from 0: kv put -- n 0',
  ),
  code: 2,
})

const CASES: readonly Case[] = [
  { name: 'a key that is not there begins at 0', args: ['incr', 'n'], stdout: '1\n', leaves: [['n', '1']] },
  { name: 'adds 1', args: ['incr', 'n'], given: [['n', '41']], stdout: '42\n', leaves: [['n', '42']] },
  { name: 'adds BY', args: ['incr', 'n', '10'], given: [['n', '-4']], stdout: '6\n', leaves: [['n', '6']] },
  { name: 'subtracts', args: ['incr', 'n', '-3'], given: [['n', '1']], stdout: '-2\n', leaves: [['n', '-2']] },
  { name: 'takes BY with a plus', args: ['incr', 'n', '+2'], stdout: '2\n' },
  { name: 'adds 0: reads a counter, and makes it', args: ['incr', 'n', '0'], stdout: '0\n', leaves: [['n', '0']] },
  { name: '--json prints the exact digits', args: ['incr', 'n', MOST, '--json'], stdout: `{"value":"${MOST}"}\n` },
  { name: 'counts to the largest', args: ['incr', 'n'], given: [['n', '9223372036854775806']], stdout: `${MOST}\n` },
  { name: 'counts to the least', args: ['incr', 'n', LEAST], stdout: `${LEAST}\n` },
  {
    name: 'refuses a sum over 64 bits',
    args: ['incr', 'n'],
    given: [['n', MOST]],
    stderr: errorText(`${MOST} and 1 make more than 64 bits; n is left as it is`, 'KV_NOT_INTEGER'),
    code: 2,
    leaves: [['n', MOST]],
  },
  {
    name: 'refuses a sum under 64 bits',
    args: ['incr', 'n', '-1'],
    given: [['n', LEAST]],
    stderr: errorText(`${LEAST} and -1 make more than 64 bits; n is left as it is`, 'KV_NOT_INTEGER'),
    code: 2,
    leaves: [['n', LEAST]],
  },
  ...[
    ['', ''],
    ['five', 'five'],
    ['5\n', String.raw`5\n`],
    ['1.5', '1.5'],
    ['1e3', '1e3'],
    ['0x10', '0x10'],
    ['9223372036854775808', '9223372036854775808'],
  ].map(([value, shown]) => ({
    name: `refuses the value ${JSON.stringify(value)}`,
    args: ['incr', 'n'],
    given: [['n', value!]] as const,
    ...noInteger(shown!),
    leaves: [['n', value!]] as const,
  })),
  {
    name: 'refuses bytes',
    args: ['incr', 'n'],
    given: [['n', new Uint8Array([255, 49])]],
    ...noInteger('hex:ff31'),
  },
  ...['x', '1.5', '', '9223372036854775808'].map((by) => ({
    name: `refuses to add ${JSON.stringify(by)}`,
    args: ['incr', 'n', by],
    stderr: errorText(`BY is a whole number of at most 64 bits, not ${by}`, 'KV_USAGE', 'kv incr KEY -5 subtracts 5'),
    code: 2,
    leaves: [],
  })),
]

describe('kv incr', () => {
  testCases(CASES)

  test('--ttl is for a key that was not there; later its end does not move', async () => {
    const store = await givenStore([['old', '1', { expires: 4102444800000 }]])
    expectRun(await kv(['incr', 'old', '--ttl', '1h'], { store }), { stdout: '2\n' })
    expectRun(await kv(['range'], { store }), {
      stdout: '{"key":"old","value":"2","expires":"2100-01-01T00:00:00.000Z"}\n',
    })
    expectRun(await kv(['incr', 'new', '--ttl', '7d'], { store }), { stdout: '1\n' })
    expectRun(await kv(['incr', 'new', '--ttl', '1h'], { store }), { stdout: '2\n' })
    expectRun(await kv(['ttl', 'new'], { store }), { stdout: /^6\d{5}\n$/ })
  })

  test('one that has expired begins at 0', async () => {
    const store = await givenStore([['n', '5', { expires: 978307200000 }]])
    expectRun(await kv(['incr', 'n'], { store }), { stdout: '1\n' })
    expectRun(await kv(['ttl', 'n'], { store }), { stdout: 'none\n' })
  })

  test.for(['file', 'http'])('processes that count at once lose nothing: %s', async (where) => {
    const place = where === 'file' ? await givenStore() : (await served()).url
    const runs = await Promise.all(Array.from({ length: 12 }, () => kvProcess(['incr', 'n'], { store: place })))
    expect(runs.map(({ stderr, code }) => ({ stderr, code }))).toEqual(runs.map(() => ({ stderr: '', code: 0 })))
    const printed = runs.map(({ stdout }) => Number(stdout)).sort((a, b) => a - b)
    expect(printed).toEqual(Array.from(runs, (_, i) => i + 1))
  })
})
