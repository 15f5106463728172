import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { conformance } from './suite.ts'

conformance('memory', {
  place: () => ({ open: async ({ clock } = {}) => new MemoryDriver(clock) }),
  supports: { syncReads: true, snapshotRange: true, persistent: false, unknownOutcome: false, watch: true },
  shared: false,
  ownClock: true,
})
