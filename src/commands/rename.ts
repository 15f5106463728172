import { Command } from 'commander'
import { compareBytes } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseBound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { KvError, usageError } from '../errors.ts'
import { formatCount } from '../safe-text.ts'
import { unchanged } from '../store/conditional.ts'
import type { Entry } from '../store/driver/entry.ts'
import { keyId, sizeOf } from '../store/operations.ts'
import type { RangeOptions } from '../store/range.ts'
import type { Store } from '../store/store.ts'
import type { BatchOp, BatchOptions } from '../store/write-options.ts'
import { beginsWith, renamePrefixAtOnce, taken } from './rename/prefix-at-once.ts'

interface Flags extends KeyFlags {
  prefix?: boolean
  atomic: boolean
  all?: boolean
  force?: boolean
  dryRun?: boolean
  sync: boolean
}

/** What is renamed at once at most where the store has no exclusive load: all of it is in memory then. */
const MOST_ENTRIES = 50_000
const MOST_BYTES = 64 << 20

/** Bytes of keys and values in a part of a rename that is not atomic. */
const PART_BYTES = 8 << 20

/** How often a rename is tried again when the keys are written meanwhile. */
const ATTEMPTS = 100

/** `kv rename OLD NEW` */
export function rename(ctx: Context): Command {
  return new Command('rename')
    .description(
      'Give an entry another key, or with --prefix every key that begins with OLD another beginning, and print how many were renamed. All at once or not at all, and nothing is overwritten. When they expire does not change.',
    )
    .argument('<OLD>')
    .argument('<NEW>')
    .option('--prefix', 'OLD and NEW are the beginnings of keys')
    .option('--no-atomic', 'in parts, for more than the store can write at once; run it again if it fails')
    .option('--all', 'with --prefix "": every key of the store')
    .option('--force', 'replace entries that are there')
    .option('--dry-run', 'only say how many would be renamed')
    .addOption(encodingOption('key'))
    .addOption(syncOption())
    .addHelpText('after', '\nExamples:\n  kv rename user:1 user:2\n  kv rename --prefix session: old-session:')
    .action(async (oldText: string, newText: string, flags: Flags) => {
      const naming = namingOf(oldText, newText, flags)
      const store = await ctx.store({ sync: flags.sync })
      const { keyEncoding, dryRun = false } = flags
      const range = flags.prefix ? { prefix: parseBound(oldText, keyEncoding) } : only(parseKey(oldText, keyEncoding))
      let count = 0
      if (dryRun) count = await store.count({ ...range, signal: ctx.signal })
      else if (flags.prefix && flags.atomic && store.supports.exclusiveLoad)
        count = await renamePrefixAtOnce(store, {
          oldStart: parseBound(oldText, keyEncoding),
          newStart: parseBound(newText, keyEncoding),
          force: naming.force,
          signal: ctx.signal,
        })
      else if (flags.atomic) count = (await renamed(ctx, store, range, naming)).length
      else count = await renamedInParts(ctx, store, range, naming)
      if (count === 0 && !flags.prefix) throw notFound([parseKey(oldText, keyEncoding)])
      const words = `${dryRun ? 'would rename' : 'renamed'} ${formatCount(count, 'key')}`
      ctx.print.record(dryRun ? { would_rename: count } : { renamed: count }, ctx.print.isTTY ? words : String(count))
    })
}

/** How keys are renamed. */
interface Naming {
  newKey(key: Uint8Array): Uint8Array
  readonly force: boolean
  readonly atomic: boolean
}

/** Throws `KV_USAGE` for names that make no sense. */
function namingOf(
  oldText: string,
  newText: string,
  { prefix, atomic, all, force = false, keyEncoding }: Flags,
): Naming {
  if (!prefix) {
    const [oldKey, newKey] = [parseKey(oldText, keyEncoding), parseKey(newText, keyEncoding)]
    if (compareBytes(oldKey, newKey) === 0) throw usageError('OLD and NEW are the same key')
    return { newKey: () => newKey, force, atomic }
  }
  const [oldStart, newStart] = [parseBound(oldText, keyEncoding), parseBound(newText, keyEncoding)]
  if (compareBytes(oldStart, newStart) === 0) throw usageError('OLD and NEW are the same prefix')
  if (oldStart.length === 0 && !all)
    throw usageError('an empty prefix means every key of the store', 'if that is what you want, add --all')
  if (!atomic && (beginsWith(oldStart, newStart) || beginsWith(newStart, oldStart)))
    throw usageError(
      '--no-atomic needs prefixes of which none begins with the other',
      'rename them to a third prefix first',
    )
  return {
    newKey: (key) => Buffer.concat([newStart, key.subarray(oldStart.length)]),
    force,
    atomic,
  }
}

function only(key: Uint8Array): RangeOptions {
  return { gte: key, lte: key }
}

/** Renames the keys of a range in parts, each at once; resolves to how many. */
async function renamedInParts(ctx: Context, store: Store, range: RangeOptions, naming: Naming): Promise<number> {
  let count = 0
  for (let last: Uint8Array | undefined; ;) {
    let keys: Uint8Array[]
    try {
      keys = await renamed(ctx, store, last === undefined ? range : { ...range, gt: last }, naming)
    } catch (error) {
      ctx.say(`kv: ${formatCount(count, 'key')} renamed before this:`)
      throw error
    }
    if (keys.length === 0) return count
    count += keys.length
    last = keys.at(-1)
  }
}

/** Renames the keys of a range at once, in parts the first of them; resolves to their old names. Throws `KV_CONDITION`. */
async function renamed(ctx: Context, store: Store, range: RangeOptions, naming: Naming): Promise<Uint8Array[]> {
  for (let attempt = 1; ; attempt++) {
    const old = await entriesOf(ctx, store, range, naming)
    if (old.length === 0) return []
    const { ops, conditions, newKeys } = stepsOf(old, naming)
    try {
      await store.batch(ops, { conditions, signal: ctx.signal })
      return old.map(({ key }) => key)
    } catch (error) {
      if (!(error instanceof KvError && error.code === 'KV_CONDITION')) throw error
    }
    for (const key of naming.force ? [] : newKeys) {
      if (await store.has(key, { signal: ctx.signal })) throw taken(key)
    }
    if (attempt === ATTEMPTS) throw new KvError('KV_CONDITION', 'not renamed: others kept writing these keys meanwhile')
  }
}

/** The entries to rename at once. Throws `KV_TOO_LARGE` when they must be and are too many. */
async function entriesOf(ctx: Context, store: Store, range: RangeOptions, { atomic }: Naming): Promise<Entry[]> {
  const { limits } = store
  const maxEntries = Math.min(Math.floor(limits.maxBatchOps / 2), MOST_ENTRIES)
  const maxBytes = Math.min(limits.maxBatchBytes, atomic ? MOST_BYTES : PART_BYTES)
  const entries: Entry[] = []
  let bytes = 0
  for await (const page of store.rangePages({ ...range, signal: ctx.signal })) {
    for (const entry of page) {
      // Its put, its delete and the conditions on both.
      bytes += sizeOf({ type: 'put', ...entry }, limits) + 4 * (entry.key.length + limits.opOverheadBytes)
      // One entry alone is for the store to take or to refuse.
      const isOver = entries.length > 0 && (entries.length === maxEntries || bytes > maxBytes)
      if (isOver && !atomic) return entries
      if (isOver)
        throw new KvError('KV_TOO_LARGE', 'these are more entries than can be renamed at once', {
          hint: 'add --no-atomic to rename them in parts',
        })
      entries.push(entry)
    }
  }
  return entries
}

function stepsOf(
  old: readonly Entry[],
  { newKey, force }: Naming,
): { ops: BatchOp[]; conditions: NonNullable<BatchOptions['conditions']>; newKeys: Uint8Array[] } {
  const renamedKeys = new Set(old.map(({ key }) => keyId(key)))
  const puts = old.map(({ key, value, expires }) => ({ type: 'put', key: newKey(key), value, expires }) as const)
  // A new name that is an old one as well becomes free in the same step.
  const newKeys = puts.map(({ key }) => key).filter((key) => !renamedKeys.has(keyId(key)))
  const conditions = [
    ...old.map((entry) => ({ key: entry.key, condition: unchanged(entry) })),
    ...(force ? [] : newKeys.map((key) => ({ key, condition: { type: 'absent' } as const }))),
  ]
  // First the deletes: of two steps on one key the last counts.
  return { ops: [...old.map(({ key }) => ({ type: 'del', key }) as const), ...puts], conditions, newKeys }
}
