import { KvError } from '../errors.ts'
import type { PutResult } from './driver/entry.ts'
import type { SyncWrites } from './driver/sync-writes.ts'
import { type KeyInput, checkOptions, conditionOf } from './input.ts'
import { conditionsOf, opsOf, ownKeyOf, putOf } from './operations.ts'
import { RangeAccess } from './range-access.ts'
import type { BatchOp, BatchOptions, DelOptions, PutOptions } from './write-options.ts'

/**
 * The part of a Store that writes without promises, where it is local: `KV_NOT_SUPPORTED` is thrown elsewhere. What was
 * asked for before with a promise is written before. The event loop stands still until the write is durable, and while
 * another process writes; `KV_LOCKED` is thrown while a long write of this process is under way.
 */
export abstract class SyncAccess extends RangeAccess {
  /** Stores a value under a key, as `put` does. Durable when it returns. */
  putSync(key: KeyInput, value: KeyInput, options: Omit<PutOptions, 'signal'> = {}): PutResult {
    checkOptions(options, ['expires', 'ttl', 'condition'], 'putSync')
    const { limits } = this.open()
    const { key: bytes, value: own, expires, ttl } = putOf(key, value, options, limits)
    return this.#writes().put(bytes, own, { expires, ttl, condition: conditionOf(options.condition) })
  }

  /** Removes a key, as `del` does; returns whether it was there. */
  delSync(key: KeyInput, options: Omit<DelOptions, 'signal'> = {}): boolean {
    checkOptions(options, ['condition'], 'delSync')
    const { limits } = this.open()
    return this.#writes().del(ownKeyOf(key, limits), conditionOf(options.condition))
  }

  /** Applies the operations in order, all or nothing, as `batch` does; returns their revision. */
  batchSync(ops: readonly BatchOp[], options: Omit<BatchOptions, 'signal'> = {}): number {
    checkOptions(options, ['conditions'], 'batchSync')
    const driver = this.open()
    return this.#writes().batch(opsOf(ops, driver), conditionsOf(options.conditions, driver))
  }

  #writes(): SyncWrites {
    const { syncWrites, name } = this.open()
    if (syncWrites !== undefined) return syncWrites
    throw new KvError('KV_NOT_SUPPORTED', `a store of the ${name} driver cannot be written without a promise`)
  }
}
