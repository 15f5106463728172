import { Random } from '../random/random.ts'
import { BATCH, type Step, type Workload, hashedKey, valuesOf } from './workload.ts'

/** Entries a range reads. */
const RANGE = 100

const read: Step = {
  name: 'read',
  operations({ records, seed }) {
    const random = new Random(seed, 10)
    return () => {
      const key = hashedKey(random.below(records))
      return { name: 'read', entries: 1, finds: true, run: (target) => target.get(key) }
    }
  },
}

const put: Step = {
  name: 'put',
  operations(options) {
    const random = new Random(options.seed, 11)
    const nextValue = valuesOf(options)
    return () => {
      const key = hashedKey(random.below(options.records))
      const value = nextValue()
      return { name: 'put', entries: 1, run: (target) => target.put(key, value) }
    }
  },
}

const batchPut: Step = {
  name: 'batch_put',
  operations(options) {
    const random = new Random(options.seed, 12)
    const nextValue = valuesOf(options)
    return () => {
      const entries = Array.from({ length: options.batch }, () => ({
        key: hashedKey(random.below(options.records)),
        value: nextValue(),
      }))
      return { name: 'batch_put', entries: options.batch, run: (target) => target.putMany(entries) }
    }
  },
}

const range: Step = {
  name: 'range',
  needs: ['range'],
  operations({ records, seed }) {
    const random = new Random(seed, 13)
    const limit = Math.min(RANGE, records)
    return () => {
      const start = hashedKey(random.below(records))
      return { name: 'range', run: (target) => target.range!(start, limit) }
    }
  },
}

const del: Step = {
  name: 'delete',
  needs: ['del'],
  usesUp: true,
  operations({ records }) {
    let next = 0
    return () => {
      if (next === records) return undefined
      // Counting up: the keys are in random order as it is, and none comes twice.
      const key = hashedKey(next++)
      return { name: 'delete', entries: 1, run: (target) => target.del!(key) }
    }
  },
}

/** One operation after the other: the table that every key-value store prints. */
export const classic: Workload = {
  name: 'classic',
  summary: `read, put, batches of ${BATCH.toLocaleString('en')} puts, ranges of ${RANGE}, delete`,
  records: 100_000,
  valueBytes: 100,
  key: hashedKey,
  preload: true,
  steps: [read, put, batchPut, range, del],
}
