/** Single operations through the library, each beside the least that could be done instead. */
import { closeSync, constants, fdatasyncSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { openStore } from '../dist/index.js'
import { randomNumbers, records as recordsOf } from './data.mjs'
import { bench, inTurn, installed, median } from './measure.mjs'
import { engine, report, row } from './report.mjs'

/** Operations in one slice: the cases take turns slice by slice. */
const WRITES = 50
const READS = 20_000
const BATCH = 1000

/** Batches in a row in one round. */
const BATCHES = 20
const IN_FLIGHT = 64

/** Bytes of the write that a durable put is compared with. */
const PAGE = Buffer.alloc(4096, 1)

/** Rewrites a JSON file with all entries for each of them, as the system kv re-implements does it. */
const REWRITE_IN_PYTHON = `
import json, sys, time
entries = json.load(open(sys.argv[1]))
began = time.perf_counter()
store = {}
for key, value in entries:
    store[key] = value
    with open(sys.argv[2], "w") as file:
        json.dump(store, file)
print(time.perf_counter() - began)
`

/** Seconds per operation of `count` operations done in a row. */
async function perOperation(count, work) {
  const began = performance.now()
  await work(count)
  return (performance.now() - began) / 1000 / count
}

await bench({ rounds: 60, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name) => join(folder, name)
  const rows = []
  await batches(at, 15, rows)
  await writes(at, rounds, rows)
  await reads(at, records, Math.min(rounds, 25), rows)
  await report({
    name: 'ops',
    about: `Operations of one process through the library on an open store: 16-byte keys, 100-byte values, ${records.toLocaleString('en')} entries for reads. Medians of ${rounds} slices of ${WRITES} writes, of 25 slices of ${READS.toLocaleString('en')} reads.`,
    rows,
    folder,
    write,
  })
})

async function writes(at, rounds, rows) {
  const store = await openStore(at('writes.kv'))
  const entries = recordsOf(Infinity, 7)
  const fd = openSync(at('floor'), constants.O_CREAT | constants.O_RDWR)
  // The file has its size and its blocks before, so that fdatasync waits for data only.
  for (let page = 0; page < 1024; page++) writeSync(fd, PAGE, 0, PAGE.length, page * PAGE.length)
  fdatasyncSync(fd)
  let page = 0
  const figures = await inTurn(
    {
      put: {
        run: () =>
          perOperation(WRITES, async (count) => {
            for (let n = 0; n < count; n++) await store.put(...entries.next().value)
          }),
      },
      floor: {
        run: () =>
          perOperation(WRITES, (count) => {
            for (let n = 0; n < count; n++) {
              writeSync(fd, PAGE, 0, PAGE.length, (page++ % 1024) * PAGE.length)
              fdatasyncSync(fd)
            }
          }),
      },
      concurrent: {
        run: () =>
          perOperation(IN_FLIGHT * 10, async () => {
            for (let n = 0; n < 10; n++)
              await Promise.all(Array.from({ length: IN_FLIGHT }, () => store.put(...entries.next().value)))
          }),
      },
    },
    rounds,
  )
  closeSync(fd)
  await store.close()
  const put = median(figures.put)
  rows.push(
    row({
      what: 'durable `put`',
      ours: put,
      theirs: median(figures.floor),
      peer: 'write of 4 KiB and fdatasync',
      atMost: 2,
    }),
    row({
      what: `durable \`put\`, ${IN_FLIGHT} at once`,
      ours: median(figures.concurrent),
      theirs: put,
      peer: 'one at a time',
      atLeast: 8,
      inverse: true,
    }),
  )
}

async function reads(at, records, rounds, rows) {
  const path = at('reads.kv')
  const store = await openStore(path)
  const keys = []
  let ops = []
  for (const [key, value] of recordsOf(records)) {
    keys.push(key)
    ops.push({ type: 'put', key, value })
    if (ops.length < 100_000) continue
    await store.batch(ops)
    ops = []
  }
  await store.batch(ops)
  const next = randomNumbers(3)
  const bytes = keys.map((key) => Buffer.from(key))
  const anyOf = (list) => list[next() % list.length]
  const { Connection } = await engine()
  const connection = new Connection(path, { readOnly: true })
  connection.exec('pragma cache_size = -16384')
  const statement = connection.prepare('select value, expires from kv where key = ?')
  statement.setReturnArrays(true)
  const figures = await inTurn(
    {
      get: {
        run: () =>
          perOperation(READS, async (count) => {
            for (let n = 0; n < count; n++) await store.get(anyOf(bytes))
          }),
      },
      getSync: {
        run: () =>
          perOperation(READS, (count) => {
            for (let n = 0; n < count; n++) store.getSync(anyOf(bytes))
          }),
      },
      direct: {
        run: () =>
          perOperation(READS, (count) => {
            for (let n = 0; n < count; n++) statement.get(anyOf(bytes))
          }),
      },
    },
    rounds,
  )
  connection.close()
  await store.close()
  const direct = { theirs: median(figures.direct), peer: 'prepared statement of the engine', atMost: 1.15 }
  rows.push(
    row({ what: 'random read, `getSync`', ours: median(figures.getSync), ...direct }),
    row({ what: 'random read, `get`', ours: median(figures.get), ...direct }),
  )
}

async function batches(at, rounds, rows) {
  let seed = 100
  const entries = () => [...recordsOf(BATCH, seed++)]
  const ops = () => entries().map(([key, value]) => ({ type: 'put', key, value }))
  const input = at('batch.json')
  const store = await openStore(at('batches.kv'))
  /**
   * Batches one after the other into a store that is empty, as the JSON file is; emptying it and making the entries
   * is not measured.
   */
  const inARow = async (count) => {
    await store.delRange({ all: true })
    const made = Array.from({ length: count }, ops)
    const took = await perOperationOf(made, async (batches) => {
      for (const batch of batches) await store.batch(batch)
    })
    return took / count
  }
  const cases = {
    one: {
      async run() {
        const took = []
        // As often as in the other case, so that it is as warm.
        for (let n = 0; n < BATCHES; n++) took.push(await inARow(1))
        return median(took)
      },
    },
    batch: { run: () => inARow(BATCHES) },
    node: {
      run: () =>
        perOperationOf(entries(), (made) => {
          const all = {}
          for (const [key, value] of made) {
            all[key] = value
            writeFileSync(at('rewritten.json'), JSON.stringify(all))
          }
        }),
    },
  }
  if (installed('python3')) {
    cases.python = {
      prepare: () => writeFileSync(input, JSON.stringify(entries())),
      run() {
        const { status, stdout, stderr } = spawnSync(
          'python3',
          ['-c', REWRITE_IN_PYTHON, input, at('rewritten.json')],
          { encoding: 'utf8' },
        )
        if (status !== 0) throw new Error(`python3 ended with ${status}: ${stderr}`)
        return Number(stdout)
      },
    }
  }
  const figures = await inTurn(cases, rounds)
  await store.close()
  const size = BATCH.toLocaleString('en')
  const python = {
    theirs: figures.python && median(figures.python),
    peer: 'JSON file rewritten for each put, not synced (Python)',
    atLeast: 500,
    inverse: true,
  }
  const inNode = { theirs: median(figures.node), peer: 'the same in Node', inverse: true }
  const one = { what: `\`batch\` of ${size} puts, durable, into an empty store`, ours: median(figures.one) }
  const many = { what: `the same, ${BATCHES} in a row, each`, ours: median(figures.batch) }
  rows.push(
    row({ ...one, ...python }),
    row({ ...one, ...inNode }),
    row({ ...many, ...python }),
    row({ ...many, ...inNode }),
  )
}

/** Seconds that `work` takes with something made before. */
async function perOperationOf(made, work) {
  const began = performance.now()
  await work(made)
  return (performance.now() - began) / 1000
}
