/** Bulk load: a million random records, durable at the end, beside the loaders of other stores. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeRecords } from './data.mjs'
import { KV, bench, inTurn, installed, median, peakMemory, seconds, settle } from './measure.mjs'
import { limitRow, megabytes, report, row } from './report.mjs'

/** Records of the smaller load that memory is compared with. */
const FEW = 200_000

/**
 * An empty Redis server of our own on `socket`, with an append-only file in `folder` flushed to disk
 * once a second. Returns what stops it: its flushes must not fall on what is measured next.
 */
async function startRedis(folder, socket) {
  mkdirSync(folder)
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socket, '--dir', folder, '--appendonly', 'yes', '--save', ''],
    { stdio: 'ignore' },
  )
  const isReady = () => spawnSync('redis-cli', ['-s', socket, 'ping'], { encoding: 'utf8' }).stdout?.trim() === 'PONG'
  while (!isReady()) await new Promise((resolve) => setTimeout(resolve, 20))
  return async () => {
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true })
  }
}

await bench({ rounds: 5, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name) => join(folder, name)
  const peers = {
    ldb: installed('ldb'),
    sqlite3: installed('sqlite3'),
    redis: installed('redis-server') && installed('redis-cli'),
  }
  await writeRecords(records, {
    jsonl: at('rows.jsonl'),
    ...(peers.ldb && { ldb: at('rows.ldb') }),
    ...(peers.sqlite3 && { csv: at('rows.csv') }),
    ...(peers.redis && { resp: at('rows.resp') }),
  })
  await writeRecords(FEW, { jsonl: at('few.jsonl') })
  const store = at('store')
  let stopRedis
  const prepare = async () => {
    await stopRedis?.()
    stopRedis = undefined
    rmSync(store, { recursive: true, force: true })
    for (const end of ['-wal', '-shm', '-journal']) rmSync(store + end, { force: true })
    settle()
  }
  const file = (name) => `'${process.execPath}' '${KV}' --quiet --store '${store}' batch-put '${at(name)}'`
  const pipe = (name) => `cat '${at(name)}' | $TIME '${process.execPath}' '${KV}' --quiet --store '${store}' batch-put`
  const cases = {
    file: {
      prepare,
      run: () => seconds(folder, process.execPath, [KV, '--quiet', '--store', store, 'batch-put', at('rows.jsonl')]),
    },
    pipe: { prepare, run: () => seconds(folder, 'sh', ['-c', pipe('rows.jsonl').replace('$TIME', '')]) },
  }
  if (peers.ldb) {
    cases.ldb = {
      prepare,
      run: () => seconds(folder, 'ldb', [`--db=${store}`, '--create_if_missing', 'load'], { input: at('rows.ldb') }),
    }
  }
  if (peers.sqlite3) {
    const script = at('import.sql')
    writeFileSync(
      script,
      `create table kv(key text primary key, value text not null);\n.mode csv\n.import "${at('rows.csv')}" kv\n`,
    )
    cases.sqlite3 = { prepare, run: () => seconds(folder, 'sqlite3', ['-bail', store], { input: script }) }
  }
  if (peers.redis) {
    const socket = at('redis.sock')
    const prepareRedis = async () => {
      await prepare()
      stopRedis = await startRedis(at('redis'), socket)
    }
    cases.redis = {
      prepare: prepareRedis,
      run: () => seconds(folder, 'redis-cli', ['-s', socket, '--pipe'], { input: at('rows.resp') }),
    }
  }
  let figures
  try {
    figures = await inTurn(cases, rounds)
  } finally {
    await prepare()
  }
  const took = (name) => figures[name] && median(figures[name])
  const peak = async (script) => {
    const peaks = []
    for (let round = 0; round < 3; round++) {
      await prepare()
      peaks.push(peakMemory(folder, script))
    }
    return peaks.includes(undefined) ? undefined : median(peaks)
  }
  const memory = {
    file: await peak(`$TIME ${file('rows.jsonl')}`),
    pipe: await peak(pipe('rows.jsonl')),
    fewFile: await peak(`$TIME ${file('few.jsonl')}`),
    fewPipe: await peak(pipe('few.jsonl')),
  }
  const few = `${FEW.toLocaleString('en')} records`
  await report({
    name: 'load',
    about: `${records.toLocaleString('en')} random records (keys of 16 bytes, values of 100) into a new store, durable at the end. Medians of ${rounds}.`,
    rows: [
      row({
        what: '`kv batch-put FILE`',
        ours: took('file'),
        theirs: took('ldb'),
        peer: 'RocksDB, `ldb load`',
        atMost: 0.45,
      }),
      row({ what: 'the same', ours: took('file'), theirs: took('sqlite3'), peer: '`sqlite3 .import`', atMost: 0.6 }),
      row({ what: 'the same', ours: took('file'), theirs: took('redis'), peer: '`redis-cli --pipe`' }),
      row({
        what: '`cat FILE \\| kv batch-put`',
        ours: took('pipe'),
        theirs: took('ldb'),
        peer: 'RocksDB, `ldb load`',
        atMost: 0.45,
      }),
      row({ what: 'the same', ours: took('pipe'), theirs: took('sqlite3'), peer: '`sqlite3 .import`', atMost: 0.6 }),
      row({ what: 'the same', ours: took('pipe'), theirs: took('redis'), peer: '`redis-cli --pipe`' }),
      limitRow({ what: 'peak memory, from a file', value: memory.file, show: megabytes, below: 400e6 }),
      limitRow({ what: 'peak memory, through a pipe', value: memory.pipe, show: megabytes, below: 400e6 }),
      ...(memory.file === undefined
        ? []
        : [
            row({
              what: 'peak memory, from a file',
              ours: memory.file,
              theirs: memory.fewFile,
              show: megabytes,
              peer: few,
              atMost: 1.5,
            }),
            row({
              what: 'peak memory, through a pipe',
              ours: memory.pipe,
              theirs: memory.fewPipe,
              show: megabytes,
              peer: few,
              atMost: 1.5,
            }),
          ]),
    ],
    notes: [
      'kv and `sqlite3 .import` have everything on disk when they end; `ldb load` writes its log without waiting for the disk, and Redis (append-only file, flushed once a second) holds the data in memory.',
    ],
    folder,
    write,
  })
})
