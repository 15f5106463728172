import type { Condition, KeyCondition, Lifetime, Op, PutResult } from './entry.ts'

/** Writes of a local engine that return once they are durable, and wait for the lock on the spot; as those of `Driver`. */
export interface SyncWrites {
  put(
    key: Uint8Array,
    value: Uint8Array,
    options?: Lifetime & { readonly condition?: Condition | undefined },
  ): PutResult
  del(key: Uint8Array, condition?: Condition): boolean
  batch(ops: readonly Op[], conditions?: readonly KeyCondition[]): number
}
