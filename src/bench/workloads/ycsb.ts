import { decimal, fnv64Positive } from '../random/fnv.ts'
import { Random } from '../random/random.ts'
import { Latest, ScrambledZipfian } from '../random/zipfian.ts'
import { KEY_PREFIX } from '../targets/target.ts'
import { type Operation, type Operations, type Workload, type WorkloadOptions, valuesOf } from './workload.ts'

/** Longest scan of workload E. */
const MAX_SCAN = 100
/** Records the inserts of a run are expected to add, for the choice of keys in workload E. */
const EXPECTED_INSERTS = 0.1

type Kind = 'read' | 'update' | 'insert' | 'scan' | 'read_modify_write'

interface Mix {
  readonly summary: string
  /** Parts of all operations; they add up to 1. */
  readonly parts: Readonly<Partial<Record<Kind, number>>>
  readonly keys: 'zipfian' | 'latest'
}

/**
 * The core workloads of Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (SoCC 2010):
 * records of ten fields of 100 bytes, stored here as one value of 1,000 bytes that an update
 * replaces; keys chosen zipfian with the constant 0.99, or the latest most often; scans of 1 to 100
 * records, all lengths alike.
 */
const MIXES: Readonly<Record<string, Mix>> = {
  a: { summary: '50 % reads, 50 % updates', parts: { read: 0.5, update: 0.5 }, keys: 'zipfian' },
  b: { summary: '95 % reads, 5 % updates', parts: { read: 0.95, update: 0.05 }, keys: 'zipfian' },
  c: { summary: 'reads only', parts: { read: 1 }, keys: 'zipfian' },
  d: { summary: '95 % reads of the latest records, 5 % inserts', parts: { read: 0.95, insert: 0.05 }, keys: 'latest' },
  e: { summary: '95 % short scans, 5 % inserts', parts: { scan: 0.95, insert: 0.05 }, keys: 'zipfian' },
  f: { summary: '50 % reads, 50 % read-modify-writes', parts: { read: 0.5, read_modify_write: 0.5 }, keys: 'zipfian' },
}

/** A record's key as YCSB makes it, behind the prefix: `user` and the decimal hash of its number. */
function userKey(record: number): Buffer {
  return Buffer.from(`${KEY_PREFIX}user${decimal(fnv64Positive(record))}`, 'latin1')
}

/** Draws one of several kinds, each as often as its part of 1 says. */
function kindsOf(parts: Mix['parts'], random: Random): () => Kind {
  const kinds = Object.entries(parts) as [Kind, number][]
  return () => {
    let drawn = random.fraction()
    for (const [kind, part] of kinds) {
      if (drawn < part) return kind
      drawn -= part
    }
    return kinds[0]![0]
  }
}

/** Chooses one of the `count()` records that are there. */
function recordsOf({ parts, keys }: Mix, { records, seed }: WorkloadOptions, count: () => number): () => number {
  const random = new Random(seed, 22)
  if (keys === 'latest') {
    const latest = new Latest(random, records)
    return () => latest.next(count())
  }
  const inserts = parts.insert === undefined ? 0 : Math.ceil(records * EXPECTED_INSERTS)
  const zipfian = new ScrambledZipfian(random, records + inserts)
  return () => {
    // As in YCSB: drawn from the records expected in the end, again while it is not there yet.
    for (;;) {
      const record = zipfian.next()
      if (record < count()) return record
    }
  }
}

function operations(mix: Mix, options: WorkloadOptions): Operations {
  // As YCSB counts them: writes under way at once may be acknowledged in any order, and a record is there once it and
  // all before it are acknowledged.
  let count = options.records
  const early = new Set<number>()
  let inserted = options.records
  const nextKind = kindsOf(mix.parts, new Random(options.seed, 20))
  const lengths = new Random(options.seed, 21)
  const nextRecord = recordsOf(mix, options, () => count)
  const nextValue = valuesOf(options)
  const anyKey = (): Buffer => userKey(nextRecord())
  const make: Readonly<Record<Kind, () => Omit<Operation, 'name'>>> = {
    read() {
      const key = anyKey()
      return { entries: 1, finds: true, run: (target) => target.get(key) }
    },
    update() {
      const [key, value] = [anyKey(), nextValue()]
      return { entries: 1, run: (target) => target.put(key, value) }
    },
    insert() {
      const record = inserted++
      const [key, value] = [userKey(record), nextValue()]
      const done = (): void => {
        early.add(record)
        while (early.delete(count)) count++
      }
      return { entries: 1, run: (target) => target.put(key, value), done }
    },
    scan() {
      const [key, length] = [anyKey(), 1 + lengths.below(MAX_SCAN)]
      return { run: (target) => target.range!(key, length) }
    },
    read_modify_write() {
      const [key, value] = [anyKey(), nextValue()]
      const run: Operation['run'] = async (target) => {
        const old = await target.get(key)
        await target.put(key, value)
        return old
      }
      return { entries: 1, finds: true, run }
    },
  }
  return () => {
    const name = nextKind()
    return { name, ...make[name]() }
  }
}

/** YCSB's core workloads A to F. */
export const ycsb: readonly Workload[] = Object.entries(MIXES).map(([letter, mix]) => {
  const name = `ycsb-${letter}`
  return {
    name,
    summary: mix.summary,
    records: 100_000,
    valueBytes: 1000,
    key: userKey,
    preload: true,
    steps: [
      { name, needs: mix.parts.scan === undefined ? [] : ['range'], operations: (options) => operations(mix, options) },
    ],
  }
})
