import type { Abortable, DriverDelOptions, DriverPutOptions } from './driver/driver.ts'
import type { ConditionInput, KeyInput } from './input.ts'
import type { RangeOptions } from './range.ts'

/** What a put may ask for besides the value. */
export type PutOptions = Omit<DriverPutOptions, 'condition' | 'expires'> & {
  /** When the entry expires: milliseconds since 1970, or a Date; it may have passed. Default: never. */
  readonly expires?: number | Date | undefined
  /** Write only if this holds. */
  readonly condition?: ConditionInput | undefined
}

/** What a delete of one key may ask for. */
export type DelOptions = Omit<DriverDelOptions, 'condition'> & { readonly condition?: ConditionInput | undefined }

/** Which keys to delete: at least one bound, or `all: true` for every key of the store. */
export type DelRangeOptions = Omit<RangeOptions, 'reverse' | 'limit' | 'keysOnly'> &
  Abortable & {
    /** Without it a range without bounds is refused: one that turned out `undefined` must not empty the store. */
    readonly all?: boolean | undefined
  }

/** One step of a batch. */
export type BatchOp =
  | ({ type: 'put'; key: KeyInput; value: KeyInput } & Pick<PutOptions, 'expires' | 'ttl'>)
  | { type: 'del'; key: KeyInput }

/** How a batch is applied. */
export interface BatchOptions extends Abortable {
  /** Write only if all of these hold before it; `KV_CONDITION` is thrown otherwise. As many as operations at most. */
  readonly conditions?: readonly { readonly key: KeyInput; readonly condition: ConditionInput }[] | undefined
}

/** Names of {@link DelRangeOptions}. */
export const DEL_RANGE_NAMES = ['gt', 'gte', 'lt', 'lte', 'prefix', 'all', 'signal']
