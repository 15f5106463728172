/** Bulk load: a million random records, durable at the end, beside the loaders of other stores. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../src/bench/report/numbers.ts'
import type { Program } from '../src/bench/peers/program.ts'
import { startRedis } from '../src/bench/peers/redis.ts'
import { KV, bench, inTurn, installed, kvMs, peakMemory, processMs, settle } from './harness.ts'
import { sqliteImport, writeRecords } from './records.ts'
import { bytes, limitRow, report, row } from './table.ts'

/** Records of the smaller load that memory is compared with. */
const FEW = 200_000

await bench({ rounds: 5, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  const has = {
    ldb: installed('ldb'),
    sqlite3: installed('sqlite3'),
    redis: installed('redis-server') && installed('redis-cli'),
  }
  await writeRecords(records, {
    jsonl: at('rows.jsonl'),
    fields: at('fields.jsonl'),
    ldb: has.ldb ? at('rows.ldb') : undefined,
    csv: at('rows.csv'),
    tsv: at('rows.tsv'),
    objectsJsonl: at('objects.jsonl'),
    objectsCsv: at('objects.csv'),
    objectsTsv: at('objects.tsv'),
    resp: has.redis ? at('rows.resp') : undefined,
  })
  await writeRecords(FEW, { jsonl: at('few.jsonl') })
  writeFileSync(at('import.sql'), sqliteImport(at('rows.csv')))
  const store = at('store')
  let redis: Program | undefined
  let socket = ''
  const prepare = async (): Promise<void> => {
    // Its flushes must not fall on what is measured next.
    await redis?.end('SIGTERM')
    redis = undefined
    for (const path of [store, `${store}-wal`, `${store}-shm`, `${store}-journal`, at('redis')])
      rmSync(path, { recursive: true, force: true })
    settle()
  }
  const file = (name: string): string =>
    `$TIME '${process.execPath}' '${KV}' --quiet --store '${store}' batch-put '${at(name)}'`
  const pipe = (name: string): string =>
    `cat '${at(name)}' | $TIME '${process.execPath}' '${KV}' --quiet --store '${store}' batch-put`
  const loadFile = (name: string, ...options: string[]) => ({
    prepare,
    run: () => kvMs(folder, '--quiet', '--store', store, 'batch-put', ...options, at(name)),
  })
  const load = (isThere: boolean, run: () => number) => (isThere ? { prepare, run } : undefined)
  let took
  try {
    took = await inTurn(
      {
        file: loadFile('rows.jsonl'),
        fields: loadFile('fields.jsonl', '--key', '{a}:{b}'),
        csv: loadFile('rows.csv'),
        tsv: loadFile('rows.tsv'),
        objects: loadFile('objects.jsonl'),
        objectsCsv: loadFile('objects.csv'),
        objectsTsv: loadFile('objects.tsv'),
        pipe: { prepare, run: () => processMs(folder, 'sh', ['-c', pipe('rows.jsonl').replace('$TIME', '')]) },
        ldb: load(has.ldb, () =>
          processMs(folder, 'ldb', [`--db=${store}`, '--create_if_missing', 'load'], at('rows.ldb')),
        ),
        sqlite3: load(has.sqlite3, () => processMs(folder, 'sqlite3', ['-bail', store], at('import.sql'))),
        redis: has.redis
          ? {
              async prepare() {
                await prepare()
                mkdirSync(at('redis'))
                // Flushed to disk once a second, which is how Redis comes.
                const { signal } = new AbortController()
                ;({ program: redis, socket } = await startRedis(at('redis'), 'everysec', signal))
              },
              run: () => processMs(folder, 'redis-cli', ['-s', socket, '--pipe'], at('rows.resp')),
            }
          : undefined,
      },
      rounds,
    )
  } finally {
    await prepare()
  }
  const peak = async (command: string): Promise<number | undefined> => {
    const peaks = []
    for (let round = 0; round < 3; round++) {
      await prepare()
      const one = peakMemory(folder, command)
      if (one === undefined) return undefined
      peaks.push(one)
    }
    return median(peaks)
  }
  const rows = []
  for (const [what, ours] of [
    ['`kv batch-put FILE`', took.file],
    ['`cat FILE \\| kv batch-put`', took.pipe],
  ] as const) {
    rows.push(
      row({ what, ours, theirs: took.ldb, peer: 'RocksDB, `ldb load`', atMost: 0.4 }),
      row({ what: 'the same', ours, theirs: took.sqlite3, peer: '`sqlite3 .import`', atMost: 0.6 }),
      row({ what: 'the same', ours, theirs: took.redis, peer: '`redis-cli --pipe`' }),
    )
  }
  for (const [what, ours, theirs] of [
    ['`kv batch-put FILE.csv`', took.csv, took.file],
    ['`kv batch-put FILE.tsv`', took.tsv, took.file],
    ['`kv batch-put FILE.csv`, values of JSON', took.objectsCsv, took.objects],
    ['`kv batch-put FILE.tsv`, values of JSON', took.objectsTsv, took.objects],
  ] as const)
    rows.push(row({ what, ours, theirs, peer: 'JSON Lines', atMost: 1.3 }))
  rows.push(
    row({
      what: "`kv batch-put --key '{a}:{b}' FILE`",
      ours: took.fields,
      theirs: took.file,
      peer: 'records of key and value',
      atMost: 1.5,
    }),
  )
  for (const [how, command] of [
    ['from a file', file],
    ['through a pipe', pipe],
  ] as const) {
    const what = `peak memory, ${how}`
    const all = await peak(command('rows.jsonl'))
    rows.push(limitRow(what, all, 300e6, bytes))
    if (all === undefined) continue
    const few = await peak(command('few.jsonl'))
    rows.push(
      row({ what, ours: all, theirs: few, show: bytes, peer: `${FEW.toLocaleString('en')} records`, atMost: 1.5 }),
    )
  }
  await report({
    name: 'load',
    about: `${records.toLocaleString('en')} random records (keys of 16 bytes, values of 100) into a new store, durable at the end. Medians of ${rounds}.`,
    rows,
    notes: [
      'kv and `sqlite3 .import` have everything on disk when they end; `ldb load` writes its log without waiting for the disk, and Redis (append-only file, flushed once a second) holds the data in memory.',
    ],
    folder,
    write,
  })
})
