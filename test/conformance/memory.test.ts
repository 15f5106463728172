import { MemoryDriver } from '../../src/drivers/memory.ts'
import { conformance } from './suite.ts'

conformance('memory', {
  place: () => ({ open: async ({ clock } = {}) => new MemoryDriver(clock) }),
  supports: { syncReads: true, snapshotRange: true, persistent: false, unknownOutcome: false },
  shared: false,
  ownClock: true,
})
