import type { Command } from 'commander'
import { type Encoding, compareBytes, decodeUtf8, encode } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { RangeOptions } from '../../store/range.ts'
import { type KeyFlags, parseBound, parseLimit } from './arguments.ts'
import { encodingOption } from './shared-options.ts'

/** The flags that choose entries. */
export interface RangeFlags extends KeyFlags {
  prefix?: string
  after?: string
  limit?: number
  reverse?: boolean
}

/** Adds the arguments and flags that choose entries; `isForward`: in the order of their keys only. */
export function withRange(command: Command, { isForward = false } = {}): Command {
  const withFlags = command
    .argument('[START]', 'first key, included')
    .argument('[END]', 'last key, included')
    .option('--prefix <prefix>', 'only keys that begin so')
    .option('--after <key>', `go on after this key, excluded${isForward ? '' : '; with --reverse, below it'}`)
    .option('--limit <n>', 'at most so many', parseLimit)
  if (!isForward) withFlags.option('--reverse', 'from the last key to the first')
  return withFlags.addOption(encodingOption('key'))
}

/** What the arguments and flags choose. Throws `KV_USAGE` when START is after END. */
export function rangeOptions(start: string | undefined, end: string | undefined, flags: RangeFlags): RangeBounds {
  const { reverse, limit, keyEncoding } = flags
  const after = flags.after === undefined ? undefined : parseBound(flags.after, keyEncoding)
  return {
    ...bounds(start, end, keyEncoding),
    prefix: flags.prefix === undefined ? undefined : parseBound(flags.prefix, keyEncoding),
    ...(reverse ? { lt: after } : { gt: after }),
    reverse,
    limit,
  }
}

/** What {@link rangeOptions} makes of arguments and flags. */
export interface RangeBounds extends RangeOptions {
  readonly gt?: Uint8Array | undefined
  readonly gte?: Uint8Array | undefined
  readonly lt?: Uint8Array | undefined
  readonly lte?: Uint8Array | undefined
  readonly prefix?: Uint8Array | undefined
}

/** The arguments and flags of a range that goes on after a key: in hex unless all keys are text that is no option. */
export function rangeWords({ gte, lte, prefix, reverse, limit }: RangeBounds, after: Uint8Array | undefined): string[] {
  const keys = [gte, lte, prefix, after].filter((key) => key !== undefined)
  const encoding = keys.every((key) => decodeUtf8(key)?.startsWith('-') === false) ? 'utf8' : 'hex'
  const text = (key: Uint8Array): string => encode(key, encoding)
  return [
    ...(gte === undefined && lte === undefined ? [] : [text(gte ?? new Uint8Array())]),
    ...(lte === undefined ? [] : [text(lte)]),
    ...(prefix === undefined ? [] : ['--prefix', text(prefix)]),
    ...(after === undefined ? [] : ['--after', text(after)]),
    ...(reverse ? ['--reverse'] : []),
    ...(limit === undefined ? [] : ['--limit', String(limit)]),
    ...(encoding === 'utf8' ? [] : ['--key-encoding', encoding]),
  ]
}

/** Both ends included. Throws `KV_USAGE` when `start` is after `end`. */
export function bounds(
  start: string | undefined,
  end: string | undefined,
  encoding: Encoding,
): Pick<RangeBounds, 'gte' | 'lte'> {
  const gte = start === undefined ? undefined : parseBound(start, encoding)
  const lte = end === undefined ? undefined : parseBound(end, encoding)
  if (gte?.length && lte?.length === 0)
    throw usageError('END is empty, and no key is before it', 'for a range without end leave it out')
  if (gte !== undefined && lte !== undefined && compareBytes(gte, lte) > 0) {
    throw usageError(
      `START is after END: ${start} > ${end}`,
      'keys are ordered by their bytes; for the other direction use --reverse',
    )
  }
  return { gte, lte }
}
