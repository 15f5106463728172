import { describe, test } from 'vitest'
import { type Case, errorText, expectRun, givenStore, kv, testCases } from '../helpers/kv.ts'

const AT = { expires: 4102444800000 }
const notFound = { stderr: errorText('key not found: k', 'KV_NOT_FOUND'), code: 1, leaves: [] }
const notATtl = (text: string): Pick<Case, 'stderr' | 'code'> => ({
  stderr: errorText(
    `not a time to live: ${text}`,
    'KV_USAGE',
    'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds',
  ),
  code: 2,
})

const CASES: readonly Case[] = [
  {
    name: 'expire keeps the value and prints the seconds',
    args: ['expire', 'k', '10m'],
    given: [['k', 'v']],
    stdout: '600\n',
    leaves: [['k', 'v']],
  },
  { name: 'expire replaces an expiry', args: ['expire', 'k', '7d'], given: [['k', 'v', AT]], stdout: '604800\n' },
  { name: 'expire --json', args: ['expire', 'k', '90', '--json'], given: [['k', '']], stdout: '{"ttl":90}\n' },
  { name: 'expire of a missing key: exit 1', args: ['expire', 'k', '1m'], ...notFound },
  {
    name: 'expire of an entry that has expired: exit 1',
    args: ['expire', 'k', '1m'],
    given: [['k', 'v', { expires: 978307200000 }]],
    ...notFound,
  },
  ...['0', '-5', 'soon', '10min'].map((text) => ({
    name: `expire refuses ${text}`,
    args: ['expire', 'k', text],
    given: [['k', 'v']] as const,
    ...notATtl(text),
    leaves: [['k', 'v']] as const,
  })),
  {
    name: 'persist prints none',
    args: ['persist', 'k'],
    given: [['k', 'v', AT]],
    stdout: 'none\n',
    leaves: [['k', 'v']],
  },
  { name: 'persist --json', args: ['persist', 'k', '--json'], given: [['k', 'v', AT]], stdout: '{"ttl":null}\n' },
  { name: 'persist of what does not expire', args: ['persist', 'k'], given: [['k', 'v']], stdout: 'none\n' },
  { name: 'persist of a missing key: exit 1', args: ['persist', 'k'], ...notFound },
]

describe('kv expire and kv persist', () => {
  testCases(CASES)

  test('kv ttl sees what they did', async () => {
    const store = await givenStore([['k', 'v']])
    expectRun(await kv(['expire', 'k', '365d'], { store }), { stdout: '31536000\n' })
    expectRun(await kv(['ttl', 'k'], { store }), { stdout: /^315\d{5}\n$/ })
    expectRun(await kv(['persist', 'k'], { store }), { stdout: 'none\n' })
    expectRun(await kv(['ttl', 'k'], { store }), { stdout: 'none\n' })
  })

  test('persist does not write what does not expire', async () => {
    const store = await givenStore([['k', 'v']])
    expectRun(await kv(['persist', 'k'], { store }), { stdout: 'none\n' })
    expectRun(await kv(['put', 'k', 'new', '--if-revision', '1'], { store }), {})
  })
})
