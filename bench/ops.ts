/** Single operations through the library, each beside the least that could be done instead. */
import { spawnSync } from 'node:child_process'
import { closeSync, constants, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../src/bench/report/numbers.ts'
import { Random } from '../src/bench/random/random.ts'
import { bench, inTurn, installed, library } from './harness.ts'
import { besideBetterSqlite, hotReads } from './ops-peers.ts'
import { endless, fill, records as recordsOf } from './records.ts'
import { engine, report, row } from './table.ts'

/** Operations in one slice: the cases take turns slice by slice. */
const WRITES = 50
const READS = 20_000
const BATCH = 1000

/** Batches in a row in one round. */
const BATCHES = 20
const IN_FLIGHT = 64

/** Bytes of the write that a durable put is compared with. */
const PAGE = Buffer.alloc(4096, 1)

/** Rewrites a JSON file with all entries for each of them, as simple key-value tools do. Prints milliseconds. */
const REWRITE_IN_PYTHON = `
import json, sys, time
entries = json.load(open(sys.argv[1]))
began = time.perf_counter()
store = {}
for key, value in entries:
    store[key] = value
    with open(sys.argv[2], "w") as file:
        json.dump(store, file)
print((time.perf_counter() - began) * 1000)
`

type Put = { type: 'put'; key: string; value: string }

/** Milliseconds that work takes. */
async function ms(work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** A case of so many operations: milliseconds of each. */
function each(count: number, operation: () => unknown) {
  return {
    run: async () =>
      (await ms(async () => {
        for (let n = 0; n < count; n++) await operation()
      })) / count,
  }
}

/** The same of operations that answer at once. */
function eachSync(count: number, operation: () => unknown) {
  return {
    run: async () =>
      (await ms(() => {
        for (let n = 0; n < count; n++) operation()
      })) / count,
  }
}

await bench({ rounds: 60, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  await report({
    name: 'ops',
    about: `Operations of one process through the library on an open store: 16-byte keys, 100-byte values, ${records.toLocaleString('en')} entries for reads. Medians of ${rounds} slices of ${WRITES} writes, of 25 slices of ${READS.toLocaleString('en')} reads.`,
    rows: [
      ...(await batches(at, 15)),
      ...(await writes(at, rounds)),
      ...(await reads(at, records, Math.min(rounds, 25))),
      ...(await besideBetterSqlite(folder, rounds)),
      await hotReads(folder),
    ],
    folder,
    write,
  })
})

async function writes(at: (name: string) => string, rounds: number): Promise<string[][]> {
  const store = await library.openStore(at('writes.kv'))
  const next = endless(7)
  const fd = openSync(at('floor'), constants.O_CREAT | constants.O_RDWR)
  // The file has its size and its blocks before, so that fdatasync waits for data only.
  for (let page = 0; page < 1024; page++) writeSync(fd, PAGE, 0, PAGE.length, page * PAGE.length)
  fdatasyncSync(fd)
  let page = 0
  const put = (): Promise<unknown> => store.put(...next())
  const took = await inTurn(
    {
      put: each(WRITES, put),
      floor: eachSync(WRITES, () => {
        writeSync(fd, PAGE, 0, PAGE.length, (page++ % 1024) * PAGE.length)
        fdatasyncSync(fd)
      }),
      concurrent: each(10, () => Promise.all(Array.from({ length: IN_FLIGHT }, put))),
    },
    rounds,
  )
  closeSync(fd)
  await store.close()
  return [
    row({ what: 'durable `put`', ours: took.put, theirs: took.floor, peer: 'write of 4 KiB and fdatasync', atMost: 2 }),
    row({
      what: `durable \`put\`, ${IN_FLIGHT} at once`,
      ours: took.concurrent / IN_FLIGHT,
      theirs: took.put,
      peer: 'one at a time',
      atLeast: 8,
      inverse: true,
    }),
  ]
}

async function reads(at: (name: string) => string, records: number, rounds: number): Promise<string[][]> {
  const store = await library.openStore(at('reads.kv'))
  await fill(store, records, 100_000)
  const keys = Array.from(recordsOf(records), ([key]) => Buffer.from(key))
  const random = new Random(3)
  const anyKey = (): Buffer => keys[random.uint32() % keys.length]!
  const { Connection } = await engine()
  const connection = new Connection(at('reads.kv'), { readOnly: true })
  connection.exec('pragma cache_size = -16384')
  const statement = connection.prepare('select value, expires from kv where key = ?')
  ;(statement as unknown as { setReturnArrays(on: boolean): void }).setReturnArrays(true)
  const took = await inTurn(
    {
      get: each(READS, () => store.get(anyKey())),
      getSync: eachSync(READS, () => store.getSync(anyKey())),
      direct: eachSync(READS, () => statement.get(anyKey())),
    },
    rounds,
  )
  connection.close()
  await store.close()
  const direct = { theirs: took.direct, peer: 'prepared statement of the engine', atMost: 1.15 }
  return [
    row({ what: 'random read, `getSync`', ours: took.getSync, ...direct }),
    row({ what: 'random read, `get`', ours: took.get, ...direct }),
  ]
}

async function batches(at: (name: string) => string, rounds: number): Promise<string[][]> {
  let seed = 100
  const entries = (): [string, string][] => [...recordsOf(BATCH, seed++)]
  const ops = (): Put[] => entries().map(([key, value]) => ({ type: 'put', key, value }))
  const input = at('batch.json')
  const rewritten = at('rewritten.json')
  const store = await library.openStore(at('batches.kv'))
  /** Batches in a row into a store that is empty, as the JSON file is; what comes before them is not measured. */
  const inARow = async (count: number): Promise<number> => {
    await store.delRange({ all: true })
    const made = Array.from({ length: count }, ops)
    const took = await ms(async () => {
      for (const batch of made) await store.batch(batch)
    })
    return took / count
  }
  const took = await inTurn(
    {
      one: {
        async run() {
          const single = []
          // As often as in the other case, so that it is as warm.
          for (let n = 0; n < BATCHES; n++) single.push(await inARow(1))
          return median(single)
        },
      },
      many: { run: () => inARow(BATCHES) },
      node: {
        run() {
          const made = entries()
          return ms(() => {
            const all: Record<string, string> = {}
            for (const [key, value] of made) {
              all[key] = value
              writeFileSync(rewritten, JSON.stringify(all))
            }
          })
        },
      },
      python: installed('python3')
        ? {
            prepare: () => writeFileSync(input, JSON.stringify(entries())),
            run() {
              const args = ['-c', REWRITE_IN_PYTHON, input, rewritten]
              const { status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' })
              if (status !== 0) throw new Error(`python3 ended with ${status}: ${stderr}`)
              return Number(stdout)
            },
          }
        : undefined,
    },
    rounds,
  )
  await store.close()
  const python = { peer: 'JSON file rewritten for each put, not synced (Python)', theirs: took.python, atLeast: 500 }
  const node = { peer: 'the same in Node', theirs: took.node }
  const one = `\`batch\` of ${BATCH.toLocaleString('en')} puts, durable, into an empty store`
  return [
    row({ what: one, ours: took.one, inverse: true, ...python }),
    row({ what: one, ours: took.one, inverse: true, ...node }),
    row({ what: `the same, ${BATCHES} in a row, each`, ours: took.many, inverse: true, ...python }),
    row({ what: `the same, ${BATCHES} in a row, each`, ours: took.many, inverse: true, ...node }),
  ]
}
