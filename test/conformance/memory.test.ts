import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { conformance } from './suite.ts'

conformance('memory', {
  place: () => ({ open: async ({ clock, maxEntries } = {}) => new MemoryDriver(clock, maxEntries) }),
  supports: {
    syncReads: true,
    remote: false,
    snapshotRange: true,
    persistent: false,
    unknownOutcome: false,
    repeatedKeys: true,
    exclusiveLoad: false,
    watch: true,
  },
  shared: false,
  ownClock: true,
  bounded: true,
})
