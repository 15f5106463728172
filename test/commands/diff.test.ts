import { describe, expect, test } from 'vitest'
import { type Given, errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { noise, random } from '../helpers/bytes.ts'

const LATER = Date.UTC(2100, 0, 1)

const A: readonly Given[] = [
  ['a', '1'],
  ['b', '1'],
  ['c', '1'],
  ['e', '1', { expires: LATER }],
  ['f', ''],
]
const B: readonly Given[] = [
  ['b', '1'],
  ['c', '2'],
  ['d', '1'],
  ['e', '1'],
  ['f', ''],
  [Uint8Array.of(0xff, 0x0a), '1'],
  ['x\ny\u001b', '1'],
]

const COUNTS = '1 only in A, 3 only in B, 2 different, 2 equal\n'

/** What is printed with these arguments, and the counts. */
const CASES: readonly (readonly [name: string, args: readonly string[], stdout: string, stderr: string])[] = [
  ['a line for each difference', [], '- a\n~ c\n+ d\n~ e\n+ x\\ny\\x1b\n+ hex:ff0a\n', COUNTS],
  [
    '--json: an object for each',
    ['--json'],
    '{"diff":"only_a","key":"a"}\n{"diff":"value","key":"c"}\n{"diff":"only_b","key":"d"}\n{"diff":"expiry","key":"e"}\n{"diff":"only_b","key":"x\\ny\\u001b"}\n{"diff":"only_b","key_base64":"/wo="}\n',
    COUNTS,
  ],
  ['--quiet: no counts', ['--quiet', 'a', 'b'], '- a\n', ''],
  ['bounds', ['b', 'd'], '~ c\n+ d\n', '0 only in A, 1 only in B, 1 different, 1 equal\n'],
  ['--prefix', ['--prefix', 'e'], '~ e\n', '0 only in A, 0 only in B, 1 different, 0 equal\n'],
  [
    '--after',
    ['--after', 'd', '--key-encoding', 'utf8'],
    '~ e\n+ x\\ny\\x1b\n+ hex:ff0a\n',
    '0 only in A, 2 only in B, 1 different, 1 equal\n',
  ],
  ['--limit: that many differences', ['--limit', '2'], '- a\n~ c\n', 'kv: stopped after 2 differences\n'],
  [
    '--key-encoding',
    ['--key-encoding', 'hex', '61', '62'],
    '- 61\n',
    '1 only in A, 0 only in B, 0 different, 1 equal\n',
  ],
  [
    '--keys: values and expiry do not count',
    ['--keys'],
    '- a\n+ d\n+ x\\ny\\x1b\n+ hex:ff0a\n',
    '1 only in A, 3 only in B, 0 different, 4 equal\n',
  ],
]

describe('kv diff', () => {
  test.for(CASES)('%s', async ([, args, stdout, stderr]) => {
    expectRun(await kv(['diff', await givenStore(A), await givenStore(B), ...args]), { stdout, stderr, code: 1 })
  })

  test('equal stores: nothing, exit 0', async () => {
    const [a, b] = [await givenStore(A), await givenStore(A)]
    expectRun(await kv(['diff', a, b]), { stderr: '0 only in A, 0 only in B, 0 different, 5 equal\n' })
    expectRun(await kv(['diff', a, b, '--json', '-q']), {})
  })

  test('a server and a file', async () => {
    const { url } = await served([], { store: await givenStore(A) })
    expectRun(await kvProcess(['diff', url, await givenStore(B)]), { stdout: CASES[0]![2], stderr: COUNTS, code: 1 })
  })

  test('large stores with differences everywhere, long values among them', async () => {
    const next = random(7)
    const [a, b]: [Given[], Given[]] = [[], []]
    const expected: string[] = []
    for (let i = 0; i < 6000; i++) {
      const key = `key${String(i).padStart(5, '0')}`
      const value = i % 500 === 0 ? noise(20_000, i) : noise(i % 300, i)
      const kind = Math.floor(next() * 40)
      if (kind !== 0) a.push([key, value])
      if (kind !== 1) b.push([key, kind === 2 ? Buffer.concat([value, Buffer.from('!')]) : value])
      if (kind < 3) expected.push(`${'+-~'[kind]} ${key}`)
    }
    const run = await kv(['diff', await givenStore(a), await givenStore(b), '-q'])
    expectRun(run, { stdout: `${expected.join('\n')}\n`, code: 1 })
  })

  test('a store that is not there is no empty store; the same store twice is a wrong call', async () => {
    const [a, absent] = [await givenStore(A), await givenStore()]
    for (const args of [
      [a, absent],
      [absent, a],
    ])
      expect(await kv(['diff', ...args])).toMatchObject({
        code: 4,
        stderr: expect.stringMatching(/there is no store at/),
      })
    expectRun(await kv(['diff', a, a]), { stderr: errorText(`${a} and ${a} are the same store`, 'KV_USAGE'), code: 2 })
  })
})
