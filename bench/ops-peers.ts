/** Operations beside better-sqlite3, which is the same engine with as little as can be above it, and a dictionary of Python. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { betterSqlite3 } from '../src/bench/peers/better-sqlite3.ts'
import { absence } from '../src/bench/peers/peer.ts'
import { Random } from '../src/bench/random/random.ts'
import { storeTarget } from '../src/bench/targets/store-target.ts'
import type { KeyValue, Target } from '../src/bench/targets/target.ts'
import { inTurn, installed, library } from './harness.ts'
import { records as recordsOf } from './records.ts'
import { row } from './table.ts'

/** Entries of the stores, and operations in one slice of each case. */
const RECORDS = 100_000
const SLICE = { read: 5000, put: 25, delete: 25, range: 100, batch: 2 }
const BATCH = 1000
const RANGE = 100

/** At most these times the time of better-sqlite3. */
const AT_MOST = { read: 1.1, put: 1.25, delete: 1.25, range: 1.15, batch: 1.15 }

const HOT_KEYS = 1000
const HOT_ROUNDS = 1000

/** Reads every key of a dictionary so many times. Prints nanoseconds of a read. */
const DICTIONARY = `
import time
keys = ["kv-bench:%07d" % n for n in range(${HOT_KEYS})]
store = {"kv-bench:%07d" % n: "x" * 100 for n in range(${HOT_KEYS})}
best = None
for _ in range(5):
    total = 0
    began = time.perf_counter()
    for _ in range(${HOT_ROUNDS}):
        for key in keys:
            total += len(store[key])
    took = (time.perf_counter() - began) * 1e9 / (${HOT_ROUNDS} * ${HOT_KEYS})
    best = took if best is None else min(best, took)
print(best)
`

const keyOf = (n: number): Buffer => Buffer.from(`kv-bench:${String(n).padStart(7, '0')}`)

type Operation = keyof typeof SLICE

/** Rows beside better-sqlite3 with the same durability; one that says why there are none where it is not installed. */
export async function besideBetterSqlite(folder: string, rounds: number): Promise<string[][]> {
  const place = join(folder, 'peers')
  mkdirSync(place)
  let peer: Target
  try {
    const signal = new AbortController().signal
    peer = { name: betterSqlite3.name, ...(await betterSqlite3.open({ folder: place, durable: true, signal })) }
  } catch (error) {
    const { name, reason } = absence(betterSqlite3.name, error)
    return [[`beside ${name}`, '', reason, '', '', '']]
  }
  const ours = await storeTarget(await library.openStore(join(place, 'store.kv')), true, false)
  const cases: Record<string, { run: () => Promise<number> }> = {}
  for (const target of [ours, peer]) {
    const values = recordsOf(Infinity, 5)
    const entry = (n: number): KeyValue => ({ key: keyOf(n), value: Buffer.from(values.next().value![1]) })
    for (let n = 0; n < RECORDS; n += BATCH) await target.putMany(Array.from({ length: BATCH }, (_, i) => entry(n + i)))
    const random = new Random(9)
    const any = (): number => random.uint32() % RECORDS
    const operations: Record<Operation, () => unknown> = {
      read: () => target.get(keyOf(any())),
      put: () => {
        const { key, value } = entry(any())
        return target.put(key, value)
      },
      delete: () => target.del!(keyOf(any())),
      range: () => target.range!(keyOf(any()), RANGE),
      batch: () => target.putMany(Array.from({ length: BATCH }, () => entry(any()))),
    }
    for (const [operation, count] of Object.entries(SLICE) as [Operation, number][])
      cases[`${target.name} ${operation}`] = { run: () => msOfEach(count, operations[operation]) }
  }
  const took: Record<string, number> = await inTurn(cases, rounds)
  await ours.close()
  await peer.close()
  const names = {
    read: 'random read',
    put: 'durable put',
    delete: 'durable delete',
    range: `range of ${RANGE}`,
    batch: `batch of ${BATCH} random puts, durable`,
  }
  return (Object.keys(SLICE) as Operation[]).map((operation) =>
    row({
      what: `${names[operation]}, ${RECORDS.toLocaleString('en')} entries`,
      ours: took[`${ours.name} ${operation}`]!,
      theirs: took[`${peer.name} ${operation}`],
      peer: peer.name,
      atMost: AT_MOST[operation],
    }),
  )
}

/** Milliseconds of each of so many operations. */
async function msOfEach(count: number, operation: () => unknown): Promise<number> {
  const began = performance.now()
  for (let n = 0; n < count; n++) {
    const pending = operation()
    if (pending instanceof Promise) await pending
  }
  return (performance.now() - began) / count
}

/** The row of hot reads of text, in a store with a cache, beside a dictionary of Python. */
export async function hotReads(folder: string): Promise<string[]> {
  const store = await library.openStore(join(folder, 'hot.kv'), { cache: 1 << 24 })
  const keys = Array.from({ length: HOT_KEYS }, (_, n) => keyOf(n).toString())
  await store.batch(keys.map((key) => ({ type: 'put', key, value: 'x'.repeat(100) })))
  let best = Infinity
  for (let attempt = 0; attempt < 5; attempt++) {
    await new Promise(setImmediate)
    let total = 0
    const began = performance.now()
    for (let round = 0; round < HOT_ROUNDS; round++) for (const key of keys) total += store.getTextSync(key)!.length
    best = Math.min(best, (performance.now() - began) / (HOT_ROUNDS * HOT_KEYS))
    if (total !== HOT_ROUNDS * HOT_KEYS * 100) throw new Error(`read ${total} characters`)
  }
  await store.close()
  const python = installed('python3') ? spawnSync('python3', ['-c', DICTIONARY], { encoding: 'utf8' }) : undefined
  return row({
    what: `hot \`getTextSync\` with a cache, ${HOT_KEYS.toLocaleString('en')} keys, best of 5`,
    ours: best,
    theirs: python?.status === 0 ? Number(python.stdout) / 1e6 : undefined,
    peer: 'read of a dictionary (Python)',
    atMost: 0.95,
  })
}
