/** `kv serve` under load of wrk, in a process of its own: beside an empty route, and beside itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeRecords } from './data.mjs'
import { KV, bench, inTurn, installed, median, seconds } from './measure.mjs'
import { limitRow, megabytes, report, row, time } from './report.mjs'

/** Seconds of one measurement. */
const SECONDS = 1

/** Each connection puts keys of its own under random names. */
const PUT = `
local id = 0
function setup(thread) thread:set("id", id); id = id + 1 end
function init() math.randomseed(os.time() + id) end
function request() return wrk.format("PUT", "/v1/keys/" .. math.random(1, 1e9), nil, "v") end
function done(summary) local errors = summary.errors; if errors.status + errors.read + errors.write + errors.timeout > 0 then error("refused") end end`

/** Reads of many keys: those of {@link MANY}, in no order. */
const GET = `
function request() return wrk.format("GET", "/read/many:" .. math.random(1, 100000)) end`

/** 100,000 short entries as JSON Lines. */
const MANY = Array.from({ length: 100_000 }, (_, i) => `{"key":"many:${i + 1}","value":"Ada"}\n`).join('')

const perSecond = (number) => `${Math.round(number).toLocaleString('en')}/s`

if (!installed('wrk')) throw new Error('bench:http needs wrk: apt-get install wrk')

/** Starts a server that prints `{"url":...}`. */
async function start(folder, args) {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, HOME: folder },
  })
  const [line] = await once(child.stdout, 'data')
  return { child, url: JSON.parse(line).url }
}

/** Runs wrk: requests per second and the 99th percentile of latency in seconds. */
async function wrk(url, { connections, duration = SECONDS, script }) {
  const child = spawn(
    'wrk',
    ['-t1', `-c${connections}`, `-d${duration}`, '--latency', ...(script === undefined ? [] : ['-s', script]), url],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.on('data', (data) => (text += data))
  const [code] = await once(child, 'close')
  if (code !== 0 || text.includes('Non-2xx')) throw new Error(`wrk failed:\n${text}`)
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(text)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]),
    p99: Number(p99) * { us: 1e-6, ms: 1e-3, s: 1 }[unit],
  }
}

/**
 * Runs work with a `kv serve` on a new store and a server with an empty route; `put` runs a command against the
 * first.
 */
async function withServers(folder, work) {
  const own = mkdtempSync(join(folder, 'servers-'))
  const store = join(own, 'store.kv')
  const kv = await start(folder, [KV, 'serve', '--quiet', '--port', '0', '--json', '--store', store])
  const empty = await start(folder, [fileURLToPath(new URL('http-empty.mjs', import.meta.url))])
  try {
    return await work({
      kv,
      empty,
      store,
      put: (...args) => seconds(folder, process.execPath, [KV, '--store', kv.url, ...args]),
    })
  } finally {
    const closed = [kv, empty].map(({ child }) => once(child, 'close'))
    kv.child.kill()
    empty.child.kill()
    await Promise.all(closed)
    rmSync(own, { recursive: true })
  }
}

const memory = (child) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) * 1024

/** Streams a range; how much the server's memory grew at most, and how long it took. */
async function stream(child, url) {
  const before = memory(child)
  let most = before
  const timer = setInterval(() => (most = Math.max(most, memory(child))), 10)
  const began = performance.now()
  const [response] = await once(get(`${url}/v1/range`), 'response')
  let bytes = 0
  for await (const chunk of response) bytes += chunk.length
  clearInterval(timer)
  return { grown: Math.max(most, memory(child)) - before, took: (performance.now() - began) / 1000, bytes }
}

await bench({ rounds: 9, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name) => join(folder, name)
  writeFileSync(at('put.lua'), PUT)
  writeFileSync(at('get.lua'), GET)
  writeFileSync(at('many.jsonl'), MANY)
  await writeRecords(records, { jsonl: at('rows.jsonl') })
  const rate = (url, options) => ({ run: async () => (await wrk(url, options)).rate })
  const reads = { connections: 64, duration: SECONDS }

  // A server's heap and the code compiled for it depend on what it has answered: each group of rows has servers of
  // its own.
  const read = await withServers(folder, async ({ kv, empty, put }) => {
    put('put', 'user:1', 'Ada')
    return inTurn(
      {
        empty: rate(`${empty.url}/empty`, reads),
        bare: rate(`${kv.url}/health`, reads),
        read: rate(`${kv.url}/read/user:1`, reads),
      },
      rounds,
    )
  })
  const more = await withServers(folder, async ({ kv, empty, put }) => {
    put('put', 'user:1', 'Ada')
    put('--quiet', 'batch-put', at('many.jsonl'))
    return inTurn(
      {
        empty: rate(`${empty.url}/empty`, reads),
        spread: rate(kv.url, { ...reads, script: at('get.lua') }),
        bytes: rate(`${kv.url}/v1/keys/user:1`, reads),
      },
      rounds,
    )
  })
  const puts = await withServers(folder, ({ kv }) =>
    inTurn(
      {
        one: rate(kv.url, { connections: 1, script: at('put.lua') }),
        many: rate(kv.url, { connections: 64, script: at('put.lua') }),
      },
      rounds,
    ),
  )
  const { tails, range } = await withServers(folder, async ({ kv, store, put }) => {
    put('put', 'user:1', 'Ada')
    const tails = []
    for (let round = 0; round < rounds; round++) {
      const loading = spawn(process.execPath, [KV, '--quiet', '--store', store, 'batch-put', at('rows.jsonl')], {
        stdio: 'ignore',
        env: { PATH: process.env.PATH, HOME: folder },
      })
      const loaded = once(loading, 'close')
      const { p99 } = await wrk(`${kv.url}/read/user:1`, { connections: 4, duration: 1 })
      const stillLoading = loading.exitCode === null
      const [code] = await loaded
      if (code !== 0) throw new Error('the load failed')
      tails.push({ p99, stillLoading })
    }
    return { tails, range: await stream(kv.child, kv.url) }
  })

  await report({
    name: 'http',
    about: `wrk in a process of its own, ${SECONDS} s each, medians of ${rounds} rounds; reads over 64 connections. The store has ${records.toLocaleString('en')} entries for the last two rows. Reads, other reads, puts and the last two rows each have a new server, and an empty route beside it.`,
    rows: [
      row({
        what: '`GET /read/{key}`, requests',
        ours: median(read.read),
        theirs: median(read.empty),
        show: perSecond,
        peer: 'empty Fastify route',
        atLeast: 0.85,
      }),
      row({
        what: '`GET /read/{key}`, requests',
        ours: median(read.read),
        theirs: median(read.bare),
        show: perSecond,
        peer: '`GET /health`: same checks, no store',
        atLeast: 0.85,
      }),
      row({
        what: '`GET /read/{key}`, 100,000 keys at random',
        ours: median(more.spread),
        theirs: median(more.empty),
        show: perSecond,
        peer: 'empty Fastify route',
      }),
      row({
        what: '`GET /v1/keys/{key}`, requests',
        ours: median(more.bytes),
        theirs: median(more.empty),
        show: perSecond,
        peer: 'empty Fastify route',
      }),
      row({
        what: 'durable puts, 64 connections',
        ours: median(puts.many),
        theirs: median(puts.one),
        show: perSecond,
        peer: '1 connection',
        atLeast: 8,
      }),
      limitRow({
        what: 'p99 of reads while the command line loads into the file',
        value: median(tails.map(({ p99 }) => p99)),
        show: time,
        below: 0.02,
      }),
      limitRow({
        what: 'memory grown by streaming a range of everything',
        value: range.grown,
        show: megabytes,
        below: 100e6,
      }),
    ],
    notes: [
      'all connections read one key, which is read from the store once for all that ask in the same turn; the row with 100,000 keys shows reads that share nothing',
      `the range: ${megabytes(range.bytes)} in ${time(range.took)}`,
      `in ${tails.filter(({ stillLoading }) => stillLoading).length} of ${rounds} rounds the load ran longer than the second in which reads were measured`,
    ],
    folder,
    write,
  })
})
