import type { Limits } from '../../store/driver.ts'

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
