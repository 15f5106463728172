import { utf8 } from '../bytes.ts'
import { usageError } from '../errors.ts'
import type { Driver, RangeQuery } from './driver/driver.ts'
import type { Usage, UsageProgress, UsageQuery } from './driver/usage.ts'
import { type UsagePart, partsOf, usageOf } from './folders/add-up.ts'
import { type KeyInput, checkFunction, flagOf, ownBytesOf, shown } from './input.ts'
import { toQuery } from './range.ts'

/** What ends a folder unless another delimiter is given: whichever of these comes first. */
export const DELIMITERS: readonly Uint8Array[] = [utf8(':'), utf8('/')]

/** Of which keys the usage is asked, and how they are told apart. */
export interface UsageOptions extends UsageProgress {
  /** Keys that begin with these bytes; folders are those below it. Default: every key. */
  prefix?: KeyInput | undefined
  /** What ends a folder. Default: `:` or `/`, whichever comes first in a key. */
  delimiter?: KeyInput | undefined
  /** Levels of folders, a whole number of 0 or more. Default: 1. */
  depth?: number | undefined
  /** Whether a key that lies in no folder is told by itself. Default: true. */
  keys?: boolean | undefined
  /** Only so many of the biggest, the biggest first, then the total. Default: all, in key order. */
  top?: number | undefined
}

/** Names of {@link UsageOptions}. */
export const USAGE_NAMES = ['prefix', 'delimiter', 'depth', 'keys', 'top', 'onProgress', 'signal']

/** The query of a driver. Throws `KV_USAGE`, and `KV_INVALID_KEY` for a prefix that is neither text nor bytes. */
export function toUsageQuery(options: UsageOptions): UsageQuery {
  const { depth = 1, top, onProgress } = options
  wholeNumber(depth, 'depth')
  if (top !== undefined) wholeNumber(top, 'top')
  checkFunction(onProgress, 'onProgress')
  const delimiter = options.delimiter === undefined ? undefined : ownBytesOf(options.delimiter, 'KV_USAGE', 'delimiter')
  if (delimiter?.length === 0) throw usageError('the delimiter is empty', 'folders need something that they end with')
  const keys = flagOf(options.keys, 'keys') ?? true
  const prefix = options.prefix === undefined ? utf8('') : ownBytesOf(options.prefix, 'KV_INVALID_KEY', 'bound')
  const { start, end } = toQuery({ prefix })!
  return { start, end, prefix, delimiters: delimiter === undefined ? DELIMITERS : [delimiter], depth, keys, top }
}

function wholeNumber(value: number, name: string): void {
  if (!(Number.isSafeInteger(value) && value >= 0))
    throw usageError(`${name} must be a whole number of 0 or more, not ${shown(value)}`)
}

/** What a driver says of the usage, or what its entries come to, where it has no quicker way than to read them. */
export function usagePages(driver: Driver, query: UsageQuery, options: UsageProgress): AsyncIterable<Usage[]> {
  return driver.usage?.(query, options) ?? usageOf(partsOfRange(driver, query, options), query, options)
}

async function* partsOfRange(
  driver: Driver,
  query: UsageQuery,
  { signal }: UsageProgress,
): AsyncGenerator<UsagePart[], void, void> {
  const { start, end } = query
  const all: RangeQuery = { start, end, reverse: false, limit: Infinity, keysOnly: false }
  for await (const page of driver.range(all, { signal }))
    yield partsOf(
      page.map(({ key, value }) => [key, key.length + value.length] as const),
      query,
    )
}
