import { KEY_PREFIX, type ScanOptions } from '../targets/target.ts'
import { BATCH, type Step, type Workload, batchesOf, hashedKey, orderedKey } from './workload.ts'

function loadStep(name: string, key: (record: number) => Buffer): Step {
  return {
    name,
    total: ({ records, batch }) => Math.ceil(records / batch),
    operations(options) {
      const batches = batchesOf(key, options)
      return () => {
        const { value: batch } = batches.next()
        return batch && { name, entries: batch.length, run: (target) => target.putMany(batch) }
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
  steps: [loadStep('load_ordered', orderedKey), loadStep('load_random', hashedKey)],
}

const PREFIX = Buffer.from(KEY_PREFIX)

function scanStep(name: string, options: ScanOptions): Step {
  return { name, needs: ['scan'], operations: () => () => ({ name, run: (target) => target.scan!(PREFIX, options) }) }
}

const count: Step = {
  name: 'count',
  needs: ['count'],
  operations: () => () => ({ name: 'count', run: (target) => target.count!(PREFIX) }),
}

/** Reading a store from end to end. */
export const scan: Workload = {
  name: 'scan',
  summary: 'all records in key order, against it, keys alone, and counted',
  records: 100_000,
  valueBytes: 100,
  key: hashedKey,
  preload: true,
  // Each holds a page of the store in memory, and none ends before all have been through.
  maxConcurrency: 16,
  steps: [
    scanStep('scan', { reverse: false, keysOnly: false }),
    scanStep('scan_reverse', { reverse: true, keysOnly: false }),
    scanStep('scan_keys', { reverse: false, keysOnly: true }),
    count,
  ],
}
