import { type Block, blockOf } from '../blocks/block.ts'
import { compareBytes, prefixEnd, successor } from '../bytes.ts'
import { usageError } from '../errors.ts'
import type { Abortable, Driver, RangeQuery } from './driver/driver.ts'
import { guarded } from './guarded.ts'
import { type KeyInput, flagOf, ownBytesOf, shown } from './input.ts'

/** Which keys, in which order. All bounds given must hold; without any, every key of the store. */
export interface RangeOptions {
  /** Keys after this one. */
  gt?: KeyInput | undefined
  /** Keys from this one on. */
  gte?: KeyInput | undefined
  /** Keys before this one. */
  lt?: KeyInput | undefined
  /** Keys up to and with this one. */
  lte?: KeyInput | undefined
  /** Keys that begin with these bytes. */
  prefix?: KeyInput | undefined
  /** From the last key to the first. Default: false. */
  reverse?: boolean | undefined
  /** At most this many entries, a whole number of 0 or more. Default: all. */
  limit?: number | undefined
  /** Leave `value` of each entry empty. Default: false. */
  keysOnly?: boolean | undefined
}

/** Names of {@link RangeOptions}. */
export const RANGE_NAMES = ['gt', 'gte', 'lt', 'lte', 'prefix', 'reverse', 'limit', 'keysOnly']

/**
 * The half-open query of a driver; `undefined` when no key can match. Throws `KV_USAGE` for a wrong limit or flag,
 * `KV_INVALID_KEY` for a bound that is neither text nor bytes.
 */
export function toQuery(options: RangeOptions): RangeQuery | undefined {
  const { limit = Infinity } = options
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw usageError(`limit must be a whole number of 0 or more, not ${shown(limit)}`)
  }
  const reverse = flagOf(options.reverse, 'reverse') ?? false
  const keysOnly = flagOf(options.keysOnly, 'keysOnly') ?? false
  let start: Uint8Array | undefined
  let end: Uint8Array | undefined
  const toBytes = (input: KeyInput): Uint8Array => ownBytesOf(input, 'KV_INVALID_KEY', 'bound')
  const from = (bound: Uint8Array): void => {
    if (start === undefined || compareBytes(bound, start) > 0) start = bound
  }
  const until = (bound: Uint8Array): void => {
    if (end === undefined || compareBytes(bound, end) < 0) end = bound
  }
  if (options.gte !== undefined) from(toBytes(options.gte))
  if (options.gt !== undefined) from(successor(toBytes(options.gt)))
  if (options.lt !== undefined) until(toBytes(options.lt))
  if (options.lte !== undefined) until(successor(toBytes(options.lte)))
  if (options.prefix !== undefined) {
    const prefix = toBytes(options.prefix)
    const after = prefixEnd(prefix)
    from(prefix)
    if (after !== undefined) until(after)
  }
  if (limit === 0 || (end !== undefined && compareBytes(start ?? new Uint8Array(), end) >= 0)) return undefined
  return { start: start?.length === 0 ? undefined : start, end, reverse, limit, keysOnly }
}

/** The entries of a range in blocks: those that the driver packs, or its pages, packed here. */
export function blocksOf(driver: Driver, query: RangeQuery, options: Abortable): AsyncIterable<Block> {
  return driver.rangeBlocks?.(query, options) ?? packed(driver.range(query, options), query.reverse)
}

async function* packed(pages: ReturnType<Driver['range']>, isReversed: boolean): AsyncGenerator<Block, void, void> {
  for await (const page of pages) yield blockOf(isReversed ? page.toReversed() : page)
}

/** Whether an entry of a range expires: the driver knows, or its keys are read; `check` may throw between two pages. */
export async function anyExpires(
  driver: Driver,
  query: RangeQuery,
  options: Abortable,
  check: () => void,
): Promise<boolean> {
  const any = await driver.anyExpires?.(query, options)
  if (any === false || (any === true && query.limit === Infinity)) return any
  for await (const page of guarded(driver.range({ ...query, keysOnly: true }, options), check))
    if (page.some(({ expires }) => expires !== undefined)) return true
  return false
}
