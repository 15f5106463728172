import { execFileSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ended, expectRun, givenStore, kvProcess, startKv } from '../helpers/kv.ts'
import { sql } from '../helpers/sql.ts'
import { openTestStore } from '../helpers/store.ts'

async function served(path: string): Promise<{ child: ChildProcess; url: string; run: ReturnType<typeof ended> }> {
  const child = startKv(['serve', '--port', '0', '--json'], { store: path })
  const run = ended(child)
  const [line] = (await Promise.race([
    once(child.stdout!, 'data'),
    run.then((result) => expect.fail(result.stderr)),
  ])) as [Buffer]
  return { child, url: (JSON.parse(line.toString()) as { url: string }).url, run }
}

/** Settles when the log of a store that is served has been moved into the file. */
async function moved(path: string, before: number): Promise<void> {
  await expect.poll(() => statSync(path).mtimeMs, { timeout: 10_000 }).toBeGreaterThan(before)
}

const OVERWRITTEN = /was overwritten while it was in use; .*\(KV_CORRUPT\)/

describe('a store that is served and written over where it lies', () => {
  test.for([
    ['its log goes on from a newer state', true],
    ['its log goes on from that very state, and was moved', false],
  ] as const)(
    '%s: nobody reads or writes it, and the file stays as it was put there',
    { timeout: 30_000 },
    async ([, isOlder]) => {
      const path = await givenStore([['a', '1']])
      copyFileSync(path, `${path}.old`)
      if (isOlder) expectRun(await kvProcess(['put', 'b', '2'], { store: path }), {})
      const { child, url, run } = await served(path)
      const before = statSync(path).mtimeMs
      expectRun(await kvProcess(['put', 'c', '3', '--store', url]), {})
      if (!isOlder) await moved(path, before)
      execFileSync('cp', [`${path}.old`, path])
      const restored = readFileSync(path)
      const log = readFileSync(`${path}-wal`)
      for (const args of [
        ['get', 'a'],
        ['put', 'd', '4'],
        ['range', '--keys'],
        ['get', 'a', '--store', url],
        ['put', 'd', '4', '--store', url],
        ['range', '--keys', '--store', url],
      ]) {
        expectRun(await kvProcess(args, args.includes('--store') ? {} : { store: path }), {
          code: 4,
          stderr: OVERWRITTEN,
        })
      }
      expect((await fetch(`${url}/v1/keys/d`, { method: 'PUT', body: '4' })).status).toBe(500)
      child.kill('SIGTERM')
      expect((await run).code).toBe(0)
      expect(readFileSync(path).equals(restored)).toBe(true)
      expect(readFileSync(`${path}-wal`).equals(log)).toBe(true)
    },
  )

  test('with an empty log: the server does not take the one for the other', { timeout: 30_000 }, async () => {
    const path = await givenStore([['a', '1']])
    copyFileSync(path, `${path}.old`)
    const { child, url, run } = await served(path)
    expectRun(await kvProcess(['put', 'c', '3', '--store', url]), {})
    sql(path, 'pragma wal_checkpoint(truncate)')
    expect(statSync(`${path}-wal`).size).toBe(0)
    expectRun(await kvProcess(['get', 'c', '--store', url]), { stdout: '3' })
    execFileSync('cp', [`${path}.old`, path])
    const restored = readFileSync(path)
    expectRun(await kvProcess(['put', 'd', '4', '--store', url]), { code: 4, stderr: OVERWRITTEN })
    child.kill('SIGTERM')
    expect((await run).code).toBe(0)
    expect(readFileSync(path).equals(restored)).toBe(true)
  })
})

test('a store goes on for others while a reader keeps an earlier moment, which keeps pages in the log', async () => {
  const path = await givenStore([['a', '1']])
  const store = await openTestStore(path)
  await store.batch(Array.from({ length: 3000 }, (_, n) => ({ type: 'put', key: `k${n}`, value: '1' })))
  const reading = store.range()
  await reading.next()
  for (const value of ['1', '2', '3']) {
    expectRun(await kvProcess(['put', 'b', value], { store: path }), {})
    expectRun(await kvProcess(['get', 'b'], { store: path }), { stdout: value })
  }
  await reading.return()
})

describe('a store that is served goes on', () => {
  test.for([
    ['another kv writes and closes', (path: string) => kvProcess(['put', 'x', '1'], { store: path })],
    ['another tool moves the log', (path: string) => sql(path, 'pragma wal_checkpoint(truncate)')],
    [
      'another tool writes and moves the log',
      (path: string) =>
        sql(
          path,
          "insert or replace into kv(key, value) values (x'79', x'31'); pragma wal_checkpoint(passive); insert or replace into kv(key, value) values (x'7a', x'31')",
        ),
    ],
    ['another tool vacuums', (path: string) => sql(path, 'vacuum')],
    ['another tool vacuums and moves the log', (path: string) => sql(path, 'vacuum; pragma wal_checkpoint(truncate)')],
    ['its log is moved and begun anew', (path: string) => sql(path, 'pragma wal_checkpoint(restart)')],
    ['its times are changed', (path: string) => execFileSync('touch', [path])],
    [
      'it is written over with itself',
      (path: string) => execFileSync('sh', ['-c', 'cp "$1" "$1.same" && cp "$1.same" "$1"', '', path]),
    ],
  ] as const)('when %s', { timeout: 30_000 }, async ([, act]) => {
    const path = await givenStore([['a', '1']])
    const { child, url, run } = await served(path)
    for (let n = 0; n < 2; n++) {
      expectRun(await kvProcess(['put', `s${n}`, '1', '--store', url]), {})
      await act(path)
      expectRun(await kvProcess(['get', `s${n}`, '--store', url]), { stdout: '1' })
      expectRun(await kvProcess(['get', `s${n}`], { store: path }), { stdout: '1' })
    }
    child.kill('SIGTERM')
    expect((await run).code).toBe(0)
    expect((await kvProcess(['check'], { store: path })).code).toBe(0)
  })
})
