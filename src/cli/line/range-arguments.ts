import type { Command } from 'commander'
import { type Encoding, compareBytes } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { RangeOptions } from '../../store/range.ts'
import { type KeyFlags, encodingOption, parseBound, parseLimit } from './arguments.ts'

/** The flags that choose entries. */
export interface RangeFlags extends KeyFlags {
  prefix?: string
  after?: string
  limit?: number
  reverse?: boolean
}

/** Adds the arguments and flags that choose entries. */
export function withRange(command: Command): Command {
  return command
    .argument('[START]', 'first key, included')
    .argument('[END]', 'last key, included')
    .option('--prefix <prefix>', 'only keys that begin so')
    .option('--after <key>', 'go on after this key, excluded; with --reverse, below it')
    .option('--limit <n>', 'at most so many', parseLimit)
    .option('--reverse', 'from the last key to the first')
    .addOption(encodingOption('key'))
}

/** What the arguments and flags choose. Throws `KV_USAGE` when START is after END. */
export function rangeOptions(start: string | undefined, end: string | undefined, flags: RangeFlags): RangeOptions {
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

/** Both ends included. Throws `KV_USAGE` when `start` is after `end`. */
export function bounds(
  start: string | undefined,
  end: string | undefined,
  encoding: Encoding,
): Pick<RangeOptions, 'gte' | 'lte'> {
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
