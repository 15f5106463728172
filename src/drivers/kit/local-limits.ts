import type { Limits, Supports } from '../../store/driver/driver.ts'

/** Of an engine on this machine: memory is the limit of a batch. */
export const LOCAL_LIMITS: Limits = {
  maxKeyBytes: 65_535,
  maxValueBytes: 2 ** 29,
  maxEntryBytes: Infinity,
  maxBatchOps: Infinity,
  maxBatchBytes: Infinity,
  opOverheadBytes: 0,
  expiryStepMs: 1,
  maxBatchesInFlight: 1,
}

/** What an engine on this machine can do. */
export const LOCAL_SUPPORTS: Supports = {
  syncReads: true,
  remote: false,
  snapshotRange: true,
  persistent: true,
  unknownOutcome: false,
  repeatedKeys: true,
  exclusiveLoad: true,
  watch: true,
}
