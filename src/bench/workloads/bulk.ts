import { BATCH, type Step, Values, type Workload, hashedKey, orderedKey } from './workload.ts'
import { KEY_PREFIX } from '../targets/target.ts'

function loadStep(name: string, key: (record: number) => Buffer): Step {
  return {
    name,
    needs: [],
    total: ({ records, batch }) => Math.ceil(records / batch),
    operations(options) {
      const values = new Values(options)
      let next = 0
      return () => {
        const size = Math.min(options.batch, options.records - next)
        if (size <= 0) return undefined
        const entries = Array.from({ length: size }, () => ({ key: key(next++), value: values.next() }))
        return { name, entries: size, run: (target) => target.putMany(entries) }
      }
    },
  }
}

/** Filling a store: every record once, in batches, first in key order and then in random order. */
export const load: Workload = {
  name: 'load',
  summary: `all records once in batches of ${BATCH.toLocaleString('en')}: in key order, in random order`,
  records: 200_000,
  valueBytes: 100,
  key: hashedKey,
  preload: false,
  steps: [loadStep('load_ordered', (record) => orderedKey(record)), loadStep('load_random', hashedKey)],
}

function scanStep(name: string, options: { reverse: boolean; keysOnly: boolean }): Step {
  return {
    name,
    needs: ['scan'],
    operations: () => () => ({ name, entries: undefined, run: (target) => target.scan!(PREFIX, options) }),
  }
}

const count: Step = {
  name: 'count',
  needs: ['count'],
  operations: () => () => ({ name: 'count', entries: undefined, run: (target) => target.count!(PREFIX) }),
}

/**
 * Readers of the whole store at once: each holds a page of it in memory, and none ends before all have been through.
 */
const MAX_SCANS = 16

const PREFIX = Buffer.from(KEY_PREFIX)

/** Reading a store from end to end. */
export const scan: Workload = {
  name: 'scan',
  summary: 'all records in key order, against it, keys alone, and counted',
  records: 100_000,
  valueBytes: 100,
  key: hashedKey,
  preload: true,
  maxConcurrency: MAX_SCANS,
  steps: [
    scanStep('scan', { reverse: false, keysOnly: false }),
    scanStep('scan_reverse', { reverse: true, keysOnly: false }),
    scanStep('scan_keys', { reverse: false, keysOnly: true }),
    count,
  ],
}
