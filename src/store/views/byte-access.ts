import { AtomicAccess } from '../atomic/atomic-access.ts'
import type { Abortable, GetManyOptions } from '../driver/driver.ts'
import type { Entry, PutResult } from '../driver/entry.ts'
import type { KeyInput } from '../input.ts'
import type { Watch, WatchOptions } from '../watch.ts'
import type { BatchOp, BatchOptions, DelOptions, DelRangeOptions, PutOptions } from '../write-options.ts'

/** What views are made of: a store of bytes. */
export abstract class ByteAccess extends AtomicAccess {
  abstract get(key: KeyInput, options?: Abortable): Promise<Uint8Array | undefined>
  abstract getSync(key: KeyInput): Uint8Array | undefined
  abstract getTextSync(key: string): string | undefined
  abstract getEntry(key: KeyInput, options?: Abortable): Promise<Entry | undefined>
  abstract getMany(keys: readonly KeyInput[], options?: GetManyOptions): Promise<(Entry | undefined)[]>
  abstract has(key: KeyInput, options?: Abortable): Promise<boolean>
  abstract put(key: KeyInput, value: KeyInput, options?: PutOptions): Promise<PutResult>
  abstract del(key: KeyInput, options?: DelOptions): Promise<boolean>
  abstract batch(ops: readonly BatchOp[], options?: BatchOptions): Promise<number>
  abstract delRange(options: DelRangeOptions): Promise<number>
  abstract watch(options?: WatchOptions): Promise<Watch>
}
