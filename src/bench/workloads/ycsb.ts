import { decimal, fnv64Positive } from '../random/fnv.ts'
import { Random } from '../random/random.ts'
import { Latest, ScrambledZipfian } from '../random/zipfian.ts'
import { type Operation, type WorkloadOptions, type Step, Values, type Workload } from './workload.ts'
import { KEY_PREFIX } from '../targets/target.ts'

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

/**
 * How many records are there, counted as YCSB does: writes under way at once may be acknowledged in
 * any order, and a record counts when all before it are there, too.
 */
class Acknowledged {
  readonly #early = new Set<number>()
  #count: number

  constructor(count: number) {
    this.#count = count
  }

  /** Every record below this number is there. */
  get count(): number {
    return this.#count
  }

  add(record: number): void {
    this.#early.add(record)
    while (this.#early.delete(this.#count)) this.#count++
  }
}

class Generator {
  readonly #mix: [Kind, number][]
  readonly #kind: Random
  readonly #length: Random
  readonly #values: Values
  readonly #choose: () => number
  readonly #acknowledged: Acknowledged
  #inserted: number

  constructor(mix: Mix, options: WorkloadOptions) {
    this.#mix = Object.entries(mix.parts) as [Kind, number][]
    this.#kind = new Random(options.seed, 20)
    this.#length = new Random(options.seed, 21)
    this.#values = new Values(options)
    this.#inserted = options.records
    this.#acknowledged = new Acknowledged(options.records)
    const random = new Random(options.seed, 22)
    if (mix.keys === 'latest') {
      const latest = new Latest(random, options.records)
      this.#choose = () => latest.next(this.#acknowledged.count)
    } else {
      const inserts = mix.parts.insert === undefined ? 0 : Math.ceil(options.records * EXPECTED_INSERTS)
      const zipfian = new ScrambledZipfian(random, options.records + inserts)
      this.#choose = () => {
        // As in YCSB: drawn from the records expected in the end, again while it is not there yet.
        for (;;) {
          const record = zipfian.next()
          if (record < this.#acknowledged.count) return record
        }
      }
    }
  }

  next(): Operation {
    const kind = this.#nextKind()
    if (kind === 'insert') {
      const record = this.#inserted++
      const key = userKey(record)
      const value = this.#values.next()
      return {
        name: kind,
        entries: 1,
        run: (target) => target.put(key, value),
        done: () => this.#acknowledged.add(record),
      }
    }
    const key = userKey(this.#choose())
    if (kind === 'read') return { name: kind, entries: 1, finds: true, run: (target) => target.get(key) }
    if (kind === 'scan') {
      const length = 1 + this.#length.below(MAX_SCAN)
      return { name: kind, entries: undefined, run: (target) => target.range!(key, length) }
    }
    const value = this.#values.next()
    if (kind === 'update') return { name: kind, entries: 1, run: (target) => target.put(key, value) }
    return {
      name: kind,
      entries: 1,
      run: async (target) => {
        const old = await target.get(key)
        await target.put(key, value)
        return old
      },
      finds: true,
    }
  }

  #nextKind(): Kind {
    let drawn = this.#kind.fraction()
    for (const [kind, part] of this.#mix) {
      if (drawn < part) return kind
      drawn -= part
    }
    return this.#mix[0]![0]
  }
}

/** YCSB's core workloads A to F. */
export const ycsb: readonly Workload[] = Object.entries(MIXES).map(([letter, mix]): Workload => {
  const step: Step = {
    name: `ycsb-${letter}`,
    needs: mix.parts.scan === undefined ? [] : ['range'],
    operations(options) {
      const generator = new Generator(mix, options)
      return () => generator.next()
    },
  }
  return {
    name: step.name,
    summary: mix.summary,
    records: 100_000,
    valueBytes: 1000,
    key: userKey,
    preload: true,
    steps: [step],
  }
})
