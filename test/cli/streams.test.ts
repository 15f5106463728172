import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { needTerminal, terminal } from '../helpers/terminal.ts'
import { type Given, contents, ended, expectRun, givenStore, kv, shell, startKv } from '../helpers/kv.ts'

/** A store whose range as JSON Lines is several megabytes: far more than a pipe holds. */
function bigStore(): Promise<string> {
  const value = 'v'.repeat(10_000)
  return givenStore(Array.from({ length: 500 }, (_, i): Given => [`k${String(i).padStart(4, '0')}`, value]))
}

/** Runs kv until another process can see `key`, or fails after a while. */
async function seen(store: string, key: string): Promise<void> {
  for (const end = performance.now() + 10_000; ;) {
    if ((await kv(['get', key], { store })).code === 0) return
    if (performance.now() > end) expect.fail(`${key} is still not there`)
  }
}

describe('output', () => {
  test.for([
    ['JSON Lines', 'kv range'],
    ['a JSON array', 'kv range --format json'],
    ['values', 'kv range --values'],
    ['CSV', 'kv range --format csv'],
    ['a table', 'kv range --format table'],
  ] as const)('as %s goes away quietly with its reader', async ([, command]) => {
    const run = await shell(`{ ${command}; echo "exit $?" >&2; } | head -n 1 > first; wc -l < first`, {
      store: await bigStore(),
    })
    expect({ ...run, stdout: run.stdout.toString().trim() }).toEqual({
      stdout: '1',
      stderr: 'exit 0\n',
      code: 0,
      signal: null,
    })
  })

  test('of one big value goes away quietly with its reader', async () => {
    const store = await givenStore([['k', new Uint8Array(3_000_000)]])
    expectRun(
      await shell('{ kv get k; echo "exit $?" >&2; } | head -c 1 > first; wc -c < first | tr -d " "', { store }),
      { stdout: '1\n', stderr: 'exit 0\n' },
    )
  })

  test('of several megabytes arrives whole through a slow reader', async () => {
    const store = await bigStore()
    const child = startKv(['range'], { store })
    child.stdin!.end()
    // Nobody reads until the pipe has been full for some turns of another process.
    child.stdout!.pause()
    for (let i = 0; i < 3; i++) await kv(['count'], { store })
    expect(child.exitCode).toBe(null)
    const rest = ended(child)
    child.stdout!.resume()
    const { stdout, stderr, code } = await rest
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const lines = stdout.toString().split('\n')
    expect(lines.pop()).toBe('')
    expect(lines).toHaveLength(500)
    expect(
      lines.every(
        (line, i) => line === JSON.stringify({ key: `k${String(i).padStart(4, '0')}`, value: 'v'.repeat(10_000) }),
      ),
    ).toBe(true)
  })

  test.for([
    'kv range',
    'kv get k',
    'kv count',
    'kv stat',
    'kv help',
    'kv --help',
    'kv range --format table',
    'kv del k',
  ])('%s to a full disk fails with KV_OUTPUT, exit 4', async (command) => {
    expectRun(await shell(`${command} > /dev/full`, { store: await givenStore([['k', 'v']]) }), {
      stderr: /^kv: no space left to write the output \(KV_OUTPUT\)\n$/,
      code: 4,
    })
  })

  test.for(['kv range', 'kv put k v', 'kv count'])('%s with stdout closed shows no stack', async (command) => {
    const { stderr } = await shell(`${command} >&-`, { store: await givenStore([['k', 'v']]) })
    expect(stderr).not.toMatch(/ at |KV_INTERNAL/)
  })

  test('an error that nobody reads still ends with its code', async () => {
    expectRun(await shell('kv get k 2> /dev/full', { store: await givenStore() }), { code: 1 })
    expectRun(await shell('kv get k 2>&-', { store: await givenStore() }), { code: 1 })
  })
})

describe('messages that nobody reads', () => {
  const RECORDS = '{bad\n{"key":"a","value":"1"}\n'

  test.for([
    ['a full disk', 'kv batch-put --on-error skip 2> /dev/full'],
    ['a closed stderr', 'kv batch-put --on-error skip 2>&-'],
    [
      'a reader that went away',
      '{ kv batch-put --on-error skip; echo "exit $?" >&3; } 2>&1 3> code | true; read -r line < code; test "$line" = "exit 0"',
    ],
  ] as const)('do not end the work: %s', async ([, script]) => {
    const store = await givenStore()
    expectRun(await shell(script, { store, input: RECORDS }), {})
    expect(await contents(store)).toEqual([['a', '1']])
  })
})

describe('a live pipe', () => {
  test('becomes visible to other processes while it is open', async () => {
    const store = await givenStore()
    const child = startKv(['batch-put'], { store })
    const run = ended(child)
    child.stdin!.write('{"key":"a","value":"1"}\n')
    await seen(store, 'a')
    child.stdin!.write('{"key":"b","value":"2"}\n{"key":"half')
    await seen(store, 'b')
    expect(child.exitCode).toBe(null)
    child.stdin!.end('","value":"3"}')
    expectRun(await run, { stderr: /^3 put, 0 skipped, / })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['half', '3'],
    ])
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'interrupted by %s has stored what it had read, and exits 130',
    async (signal) => {
      const store = await givenStore()
      const child = startKv(['batch-put'], { store })
      const run = ended(child)
      child.stdin!.write(Array.from({ length: 500 }, (_, i) => `{"key":"k${i}","value":"v"}\n`).join(''))
      await seen(store, 'k499')
      child.kill(signal)
      expectRun(await run, {
        stderr: 'kv: interrupted; the 500 records so far are stored (KV_INTERRUPTED)\n',
        code: 130,
      })
      expect(await contents(store)).toHaveLength(500)
    },
  )

  test('interrupted with --atomic has stored nothing', async () => {
    const store = await givenStore()
    const child = startKv(['batch-put', '--atomic', '--debug'], { store })
    const run = ended(child)
    // More than a pipe holds: written means that kv reads.
    await new Promise((resolve) => child.stdin!.write('{"key":"a","value":"1"}\n'.repeat(10_000), resolve))
    child.kill('SIGINT')
    expectRun(await run, { stderr: /^kv: interrupted; nothing was stored \(KV_INTERRUPTED\)\n/, code: 130 })
    expect(await contents(store)).toEqual([])
  })

  test('interrupted before the first record ends at once', async (context) => {
    needTerminal(context)
    const tty = terminal(['batch-put'], { store: await givenStore() })
    await tty.waitFor(/reading records/)
    tty.send('\u0003')
    // Whether kv says so or the signal came before it was ready for it.
    expect((await tty.ended).code).toBe(130)
  })

  test('with a bad record ends kv although the pipe stays open', async () => {
    const store = await givenStore()
    const child = startKv(['batch-put'], { store })
    const run = ended(child)
    child.stdin!.write('{"key":"a","value":"1"}\n{bad\n')
    expectRun(await run, {
      stderr: /^kv: stdin:2: .*; the 1 record before it is stored \(KV_INVALID_INPUT\)\n/,
      code: 3,
    })
    expect(await contents(store)).toEqual([['a', '1']])
  })

  test('that fills the store while it is being read is not in the reading', async () => {
    const store = await bigStore()
    const run = await shell(`kv range | sed 's/"key":"k/"key":"z/' | kv batch-put --quiet && kv count`, { store })
    expectRun(run, { stdout: '1000\n' })
  })
})

test('a reading command that is interrupted ends by the signal', async () => {
  const child = startKv(['put', 'k'], { store: await givenStore() })
  const run = ended(child)
  await once(child, 'spawn')
  child.kill('SIGINT')
  expect(await run).toMatchObject({ code: null, signal: 'SIGINT', stderr: '' })
})
