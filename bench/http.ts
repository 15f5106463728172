/** `kv serve` under load of wrk, in a process of its own: beside an empty route, and beside itself. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, get } from 'node:http'
import { join } from 'node:path'
import { formatRate, median } from '../src/bench/report/numbers.ts'
import { KV, bench, environment, inTurn, installed, kvMs, script } from './harness.ts'
import { writeRecords } from './records.ts'
import { bytes, limitRow, report, row, time } from './table.ts'

/** Each connection puts keys of its own under random names. */
const PUT = `
local id = 0
function setup(thread) thread:set("id", id); id = id + 1 end
function init() math.randomseed(os.time() + id) end
function request() return wrk.format("PUT", "/v1/keys/" .. math.random(1, 1e9), nil, "v") end
function done(summary)
  local errors = summary.errors
  if errors.status + errors.read + errors.write + errors.timeout > 0 then error("refused") end
end`

/** Reads of many keys, those of {@link MANY}, in random order. */
const GET = `
function request() return wrk.format("GET", "/read/many:" .. math.random(1, 100000)) end`

/** The empty route, asked by a script that does the same work. */
const EMPTY = `
function request() return wrk.format("GET", "/read/many:" .. math.random(1, 100000) and "/empty") end`

/** 100,000 short entries as JSON Lines. */
const MANY = Array.from({ length: 100_000 }, (_, i) => `{"key":"many:${i + 1}","value":"Ada"}\n`).join('')

const perSecond = (rate: number): string => `${formatRate(rate)}/s`

interface Server {
  readonly child: ChildProcess
  readonly url: string
}

/** Starts a server that prints `{"url":...}`. */
async function start(folder: string, args: readonly string[]): Promise<Server> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment(folder) })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { url } = JSON.parse(line.toString()) as { url: string }
  return { child, url }
}

/** Runs wrk for a second: requests per second, and the 99th percentile of latency in milliseconds. */
async function wrk(url: string, connections: number, lua?: string): Promise<{ rate: number; p99: number }> {
  const args = ['-t1', `-c${connections}`, '-d1', '--latency', ...(lua === undefined ? [] : ['-s', lua]), url]
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  const [code] = (await once(child, 'close')) as [number | null]
  const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(text) ?? []
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(text) ?? []
  if (code !== 0 || text.includes('Non-2xx') || rate === undefined) throw new Error(`wrk failed:\n${text}`)
  return { rate: Number(rate), p99: Number(p99) * (unit === 'us' ? 1e-3 : unit === 'ms' ? 1 : 1e3) }
}

interface Servers {
  readonly kv: Server
  readonly empty: Server
  readonly store: string
  /** Runs a kv command against the server. */
  run(...args: string[]): void
}

/** Runs work with a `kv serve` on a new store, and a server with an empty route beside it. */
async function withServers<T>(
  folder: string,
  work: (servers: Servers) => Promise<T>,
  ...more: readonly string[]
): Promise<T> {
  const own = mkdtempSync(join(folder, 'servers-'))
  const store = join(own, 'store.kv')
  const kv = await start(folder, [KV, 'serve', '--quiet', '--port', '0', '--json', '--store', store, ...more])
  const empty = await start(folder, [script('http-empty')])
  try {
    return await work({ kv, empty, store, run: (...args) => kvMs(folder, '--store', kv.url, ...args) })
  } finally {
    const closed = [kv, empty].map(({ child }) => once(child, 'close'))
    kv.child.kill()
    empty.child.kill()
    await Promise.all(closed)
    rmSync(own, { recursive: true })
  }
}

function memory({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

/** Streams all entries: how much the server's memory grew at most, how long it took, and bytes of the answer. */
async function stream({ child, url }: Server): Promise<{ grown: number; ms: number; length: number }> {
  const before = memory(child)
  let most = before
  const timer = setInterval(() => (most = Math.max(most, memory(child))), 10)
  const began = performance.now()
  const [response] = (await once(get(`${url}/v1/range`), 'response')) as [IncomingMessage]
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) length += chunk.length
  clearInterval(timer)
  return { grown: Math.max(most, memory(child)) - before, ms: performance.now() - began, length }
}

if (!installed('wrk')) throw new Error('bench:http needs wrk: apt-get install wrk')

await bench({ rounds: 9, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('put.lua'), PUT)
  writeFileSync(at('get.lua'), GET)
  writeFileSync(at('empty.lua'), EMPTY)
  writeFileSync(at('many.jsonl'), MANY)
  await writeRecords(records, { jsonl: at('rows.jsonl') })
  const rate = (url: string, connections = 64, lua?: string) => ({
    run: async () => (await wrk(url, connections, lua)).rate,
  })

  // A server's heap and the code compiled for it depend on what it has answered: each group has servers of its own.
  const read = await withServers(folder, async ({ kv, empty, run }) => {
    run('put', 'user:1', 'Ada')
    return inTurn(
      { empty: rate(`${empty.url}/empty`), health: rate(`${kv.url}/health`), one: rate(`${kv.url}/read/user:1`) },
      rounds,
    )
  })
  const more = await withServers(folder, async ({ kv, empty, run }) => {
    run('put', 'user:1', 'Ada')
    run('--quiet', 'batch-put', at('many.jsonl'))
    return inTurn(
      {
        empty: rate(`${empty.url}/empty`),
        emptyByScript: rate(empty.url, 64, at('empty.lua')),
        spread: rate(kv.url, 64, at('get.lua')),
        bytes: rate(`${kv.url}/v1/keys/user:1`),
      },
      rounds,
    )
  })
  const cached = await withServers(
    folder,
    ({ kv, empty, run }) => {
      run('--quiet', 'batch-put', at('many.jsonl'))
      return inTurn({ empty: rate(empty.url, 64, at('empty.lua')), spread: rate(kv.url, 64, at('get.lua')) }, rounds)
    },
    '--cache',
    '64MB',
  )
  const puts = await withServers(folder, ({ kv }) =>
    inTurn({ one: rate(kv.url, 1, at('put.lua')), many: rate(kv.url, 64, at('put.lua')) }, rounds),
  )
  const { tails, range } = await withServers(folder, async ({ kv, store, run }) => {
    run('put', 'user:1', 'Ada')
    const tails = []
    for (let round = 0; round < rounds; round++) {
      const args = [KV, '--quiet', '--store', store, 'batch-put', at('rows.jsonl')]
      const loading = spawn(process.execPath, args, { stdio: 'ignore', env: environment(folder) })
      const loaded = once(loading, 'close')
      const { p99 } = await wrk(`${kv.url}/read/user:1`, 4)
      tails.push({ p99, stillLoading: loading.exitCode === null })
      const [code] = (await loaded) as [number | null]
      if (code !== 0) throw new Error('the load failed')
    }
    return { tails, range: await stream(kv) }
  })

  const route = { show: perSecond, peer: 'empty Fastify route' }
  const ofOne = { what: '`GET /read/{key}`, requests', ours: read.one, show: perSecond, atLeast: 0.85 }
  await report({
    name: 'http',
    about: `wrk in a process of its own, 1 s each, medians of ${rounds} rounds; reads over 64 connections. The store has ${records.toLocaleString('en')} entries for the last two rows. Reads, other reads, puts and the last two rows each have a new server, and an empty route beside it.`,
    rows: [
      row({ ...route, ...ofOne, theirs: read.empty }),
      row({ ...ofOne, theirs: read.health, peer: '`GET /health`: same checks, no store' }),
      row({
        ...route,
        what: '`GET /read/{key}`, 100,000 keys at random',
        ours: more.spread,
        theirs: more.emptyByScript,
      }),
      row({
        ...route,
        what: 'the same with `--cache 64MB`',
        ours: cached.spread,
        theirs: cached.empty,
        atLeast: 0.9,
      }),
      row({ ...route, what: '`GET /v1/keys/{key}`, requests', ours: more.bytes, theirs: more.empty }),
      row({
        what: 'durable puts, 64 connections',
        ours: puts.many,
        theirs: puts.one,
        show: perSecond,
        peer: '1 connection',
        atLeast: 8,
      }),
      limitRow(
        'p99 of reads while the command line loads into the file',
        median(tails.map(({ p99 }) => p99)),
        20,
        time,
      ),
      limitRow('memory grown by streaming a range of everything', range.grown, 100e6, bytes),
    ],
    notes: [
      'all connections read one key, which is read from the store once for all that ask in the same turn; the row with 100,000 keys shows reads that share nothing',
      'keys at random are made by a script of wrk, which takes time of its own: the empty route beside them is asked by a script that does the same work',
      `the range: ${bytes(range.length)} in ${time(range.ms)}`,
      `in ${tails.filter(({ stillLoading }) => stillLoading).length} of ${rounds} rounds the load ran longer than the second in which reads were measured`,
    ],
    folder,
    write,
  })
})
