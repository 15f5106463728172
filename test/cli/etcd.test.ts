import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { COMMANDS } from '../../src/commands/index.ts'
import { openStore } from '../../src/index.ts'
import { hasEtcd, sharedCluster } from '../helpers/etcd.ts'
import { type Case, type Given, ended, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** How a command that is for files is refused. */
const REFUSED = { stderr: /^kv: .*a store in etcd has no file of its own \(KV_NOT_SUPPORTED\)\nhint: .*etcd:/, code: 2 }
const NO_HISTORY = { stderr: /^kv: etcd keeps no old versions of entries \(KV_NOT_SUPPORTED\)\n/, code: 2 }

/** One line for each command on a store in etcd; STORE in an argument is its location. */
const CASES: readonly Case[] = [
  { name: 'get', args: ['get', 'a'], given: [['a', '1']], stdout: '1' },
  { name: 'put', args: ['put', 'a', '1'], leaves: [['a', '1']] },
  {
    name: 'range',
    args: ['range', '--reverse'],
    given: [
      ['a', '1'],
      ['b', '2'],
    ],
    stdout: /"b".*\n.*"a"/,
  },
  {
    name: 'batch-put',
    args: ['batch-put'],
    input: '{"key":"a","value":"1"}\n{"key":"a","value":"2"}\n',
    stderr: /^2 put, 0 skipped, /,
    leaves: [['a', '2']],
  },
  { name: 'del', args: ['del', 'a'], given: [['a', '1']], stdout: '1\n', leaves: [] },
  { name: 'ls', args: ['ls'], given: [['a:1', '1']], stdout: 'a:\n' },
  { name: 'du', args: ['du'], given: [['a:1', '1']], stdout: '4\t1\ta:\n4\t1\ttotal\n' },
  { name: 'count', args: ['count'], given: [['a', '1']], stdout: '1\n' },
  {
    name: 'watch',
    args: ['watch', 'a', '--initial', '--limit', '1', '--json'],
    given: [['a', '1']],
    stdout: /"value":"1"/,
    stderr: 'kv: watching a\n',
  },
  { name: 'ttl', args: ['ttl', 'a'], given: [['a', '1']], stdout: 'none\n' },
  { name: 'rename', args: ['rename', 'a', 'b'], given: [['a', '1']], stdout: '1\n', leaves: [['b', '1']] },
  { name: 'history', args: ['history', 'a'], given: [['a', '1']], ...NO_HISTORY },
  { name: 'revert', args: ['revert', 'a'], given: [['a', '1']], ...NO_HISTORY },
  { name: 'incr', args: ['incr', 'a'], given: [['a', '1']], stdout: '2\n', leaves: [['a', '2']] },
  { name: 'lock', args: ['lock', 'n', '--', 'true'], leaves: [] },
  { name: 'expire', args: ['expire', 'a', '1m'], given: [['a', '1']], stdout: /^6[01]\n$/ },
  { name: 'persist', args: ['persist', 'a'], given: [['a', '1', { ttl: 60_000 }]], stdout: 'none\n' },
  { name: 'stat', args: ['stat', '--json'], given: [['a', '1']], stdout: /"driver":"etcd".*"entries":1\b/ },
  { name: 'check', args: ['check', '--json'], given: [['a', '1']], stdout: /^{"ok":true,/ },
  { name: 'diff', args: ['diff', 'STORE', 'STORE'], stderr: /are the same store \(KV_USAGE\)/, code: 2 },
  { name: 'copy', args: ['copy', 'STORE', 'STORE/'], stderr: /are the same store \(KV_USAGE\)/, code: 2 },
  { name: 'backup', args: ['backup', 'copy.kv'], ...REFUSED },
  { name: 'restore', args: ['restore', 'copy.kv'], ...REFUSED },
  { name: 'compact', args: ['compact'], ...REFUSED },
  { name: 'salvage', args: ['salvage', 'saved.kv'], ...REFUSED },
  {
    name: 'bench',
    args: ['bench', '--in-place', '--records', '10', '--ops', '1', '--warmup', '0', '--json'],
    given: [['a', '1']],
    stdout: /"targets":/,
    leaves: [['a', '1']],
  },
  { name: 'peek', args: ['peek', 'a'], given: [['a', 'text']], stdout: /text/ },
  { name: 'pick', args: ['pick'], stderr: /terminal/, code: 2 },
  {
    name: 'repl',
    args: ['repl'],
    input: 'put a 1\nput a 2\n.undo\nget a\n',
    stdout: /1/,
    stderr: /./,
    leaves: [['a', '1']],
  },
]
/** What has nothing to do with a store, and what runs on, which has a test below. */
const ELSEWHERE = ['serve', 'completion', 'help']

describe.skipIf(!hasEtcd())('over etcd', () => {
  const cluster = sharedCluster()

  const placeWith = async (given: readonly Given[]): Promise<string> => {
    const place = cluster().place()
    await using store = await openStore(place)
    for (const [key, value, options] of given) await store.put(key, value, options)
    return place
  }
  const contents = async (place: string): Promise<[string, string][]> => {
    await using store = await openStore(place)
    const found: [string, string][] = []
    for await (const { key, value } of store.text().range()) found.push([key, value])
    return found
  }

  test.for(CASES)('kv $name', async ({ args, given = [], input, leaves, ...expected }) => {
    const place = await placeWith(given)
    const line = args.map((arg) => arg.replace('STORE', place))
    expectRun(await kv(line, { store: place, ...(input !== undefined && { input }) }), expected)
    if (leaves !== undefined) expect(await contents(place)).toEqual(leaves)
  })

  test('every command has a row', () => {
    const names = Object.keys(COMMANDS).filter((name) => !ELSEWHERE.includes(name))
    expect(CASES.map(({ name }) => name).sort()).toEqual([...names].sort())
  })

  test('what etcdctl puts kv reads, and what kv puts etcdctl reads', async () => {
    const place = cluster().place()
    const prefix = new URL(place).pathname.slice(1)
    const ctl = (...args: string[]): Promise<string> => cluster().ctl(...args)
    await ctl('put', `${prefix}/user:1`, 'Ada\n')
    await ctl('put', `${prefix}/\u{1f600}`, '')
    await ctl('put', `${prefix}`, 'not of the store')
    await ctl('put', `${prefix}0`, 'nor this')
    expectRun(await kv(['get', 'user:1'], { store: place }), { stdout: 'Ada\n' })
    expectRun(await kv(['range', '--keys'], { store: place }), { stdout: 'user:1\n\u{1f600}\n' })
    expectRun(await kv(['put', 'user:2', '{"b":1}'], { store: place }), {})
    expect(await ctl('get', '--print-value-only', `${prefix}/user:2`)).toBe('{"b":1}\n')
    const binary = ['--key-encoding', 'hex', '--value-encoding', 'hex']
    expectRun(await kv(['put', '00ff80', '00ff0a', ...binary], { store: place }), {})
    const found = JSON.parse(await ctl('get', '-w', 'json', '--prefix', `${prefix}/`)) as { kvs: object[] }
    const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64')
    expect(found.kvs[0]).toMatchObject({ key: base64(`${prefix}/\0\xff\x80`), value: base64('\0\xff\n') })
    expectRun(await kv(['del', '--all', '--yes'], { store: place }), { stdout: '4\n' })
    expect(await ctl('get', '--keys-only', '--prefix', prefix)).toBe(`${prefix}\n\n${prefix}0\n\n`)
  })

  test('what is copied there and back is the same', async () => {
    const given: Given[] = Array.from({ length: 300 }, (_, n) => [`k${n}`, `v${n}`])
    const file = await givenStore([...given, [new Uint8Array([0, 255]), new Uint8Array([1])]])
    const place = cluster().place()
    const back = join(tempDir(), 'back.kv')
    for (const [from, to] of [
      [file, place],
      [place, back],
    ] as const)
      expectRun(await kv(['copy', from, to]), { stderr: /^301 copied/ })
    for (const [a, b] of [
      [file, place],
      [file, back],
    ] as const)
      expectRun(await kv(['diff', a, b]), { stderr: /0 different, 301 equal/ })
  })

  test('any number of kv serve are ways to one cluster', async () => {
    const place = cluster().place()
    const [one, other] = await Promise.all([served([], { store: place }), served([], { store: place })])
    const answered = await fetch(`${one.url}/put/?key=a&value=1`, { method: 'POST' })
    expect(answered.status).toBe(200)
    // Many at once, which the server reads together.
    const read = await Promise.all(
      Array.from({ length: 200 }, async () => (await fetch(`${other.url}/read/a`)).json() as Promise<object>),
    )
    expect(new Set(read.map((it) => JSON.stringify(it))).size).toBe(1)
    expect(read[0]).toMatchObject({ data: { key: 'a', value: '1' } })
    expect(await (await fetch(`${one.url}/health`)).json()).toMatchObject({ status: 'ok' })
    expect(await (await fetch(`${one.url}/metrics`)).text()).toMatch(/kv_/)
    expectRun(await kv(['put', 'b', '2'], { store: one.url }), {})
    expectRun(await kv(['incr', 'n', '5'], { store: other.url }), { stdout: '5\n' })
    expectRun(await kv(['range', '--format', 'csv'], { store: place }), { stdout: 'key,value\na,1\nb,2\nn,5\n' })
  })

  test('a Tab asks few times, however many keys there are', async () => {
    const place = cluster().place()
    const lines = Array.from({ length: 3000 }, (_, n) => `["u${n % 30}:${n}",""]\n`)
    expect((await kv(['batch-put'], { store: place, input: lines.join('') })).code).toBe(0)
    const asked = async (): Promise<number> => {
      const metrics = await (await fetch(`http://${cluster().endpoints[0]}/metrics`)).text()
      const counts = metrics.matchAll(
        /^grpc_server_handled_total\{grpc_code="OK",grpc_method="(?:Range|Txn)".* (\d+)$/gm,
      )
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    }
    for (const [line, word, answer, atMost] of [
      ['kv get ', '', 'more\nu\n', 64],
      ['kv get u2', 'u2', /^more\nu20:\nu21:\n/, 64],
      ['kv get u29:290', 'u29:290', /u29:29/, 2],
    ] as const) {
      const before = await asked()
      const run = await kv(['completion', 'bash', '--', line, word, '9'], { env: { KV_STORE: place } })
      expectRun(run, { stdout: answer })
      expect([line, (await asked()) - before <= atMost]).toEqual([line, true])
    }
  })

  test('Ctrl-C ends what waits for a cluster that hangs', async () => {
    const hangs = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void hangs.close())
    await once(hangs, 'listening')
    const store = `etcd://127.0.0.1:${(hangs.address() as AddressInfo).port}`
    for (const args of [['get', 'a'], ['put', 'a', '1'], ['range'], ['watch', '--all']]) {
      const asked = once(hangs, 'connection')
      const child = startKv(args, { store })
      const run = ended(child)
      await asked
      child.kill('SIGINT')
      expect([args, (await run).signal]).toEqual([args, 'SIGINT'])
    }
  })

  test.for([
    [['batch-put', '--no-sync'], /^kv: etcd decides for itself/],
    [
      ['--max-entries', '5', 'put', 'a', '1'],
      /no use for the option maxEntries \(KV_NOT_SUPPORTED\)\nhint: leave it out/,
    ],
    [
      ['serve', '--port', '0', '--cache', '1MB'],
      /no use for the option cache \(KV_NOT_SUPPORTED\)\nhint: leave it out/,
    ],
  ] as const)('kv %j is refused', async ([args, stderr]) => {
    expectRun(await kv(args, { store: cluster().place() }), { stderr, code: 2 })
  })
})
