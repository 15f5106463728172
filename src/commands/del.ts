import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { KvError, usageError } from '../errors.ts'
import { displayKey, formatCount } from '../safe-text.ts'
import { holdsFor } from '../store/conditional.ts'
import type { Condition } from '../store/driver/entry.ts'
import type { RangeOptions } from '../store/range.ts'
import { keyId } from '../store/operations.ts'
import type { Store } from '../store/store.ts'
import { type ConditionFlags, addConditions, conditionFailed, conditionOf } from '../cli/line/condition.ts'
import { type KeyFlags, notFound, parseBound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { bounds } from '../cli/line/range-arguments.ts'

interface Flags extends KeyFlags, ConditionFlags {
  ignoreMissing?: boolean
  prefix?: string
  range?: boolean
  all?: boolean
  dryRun?: boolean
  yes?: boolean
  sync: boolean
}

/** Keys shown before a delete is confirmed. */
const SAMPLES = 5

/** `kv del KEY...` */
export function del(ctx: Context): Command {
  const command = new Command('del')
    .description(
      'Delete the named keys, or every key of a prefix or range, and print how many were there. A delete of many asks first on a terminal, and needs --yes elsewhere.',
    )
    .argument('[KEY...]')
    .option('--prefix <prefix>', 'every key that begins so')
    .option('--range', 'the two arguments are START and END of a range, both included')
    .option('--all', 'every key of the store')
    .option('--ignore-missing', 'it is fine when a named key is not there')
    .option('--dry-run', 'only say what would be deleted')
    .option('-y, --yes', 'do not ask')
  return addConditions(command)
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addOption(syncOption())
    .addHelpText(
      'after',
      '\nExamples:\n  kv del user:1 user:2\n  kv del --prefix session: --dry-run\n  kv del --range log:2024 log:2025 --yes\n  kv del leader --if-value "$HOSTNAME"      only its own entry',
    )
    .action(async (keys: string[], flags: Flags) => {
      const range = rangeOf(keys, flags)
      const condition = conditionOf(flags)
      if (condition !== undefined && keys.length !== 1)
        throw usageError('--if-value and --if-revision are for one named key')
      const store = await ctx.store({ sync: flags.sync })
      if (condition !== undefined) await delIf(ctx, store, parseKey(keys[0]!, flags.keyEncoding), condition, flags)
      else if (range === undefined) await delKeys(ctx, store, keys, flags)
      else await delRange(ctx, store, range, flags)
    })
}

async function delIf(
  ctx: Context,
  store: Store,
  key: Uint8Array,
  condition: Condition,
  { dryRun = false, ignoreMissing }: Flags,
): Promise<void> {
  const { signal } = ctx
  const entry = dryRun ? await store.getEntry(key, { signal }) : undefined
  const isDone = dryRun
    ? entry !== undefined && holdsFor(condition, entry)
    : await store.del(key, { condition, signal })
  printDeleted(ctx, isDone ? 1 : 0, dryRun)
  if (isDone) return
  // Which of the two it was is told as of now.
  const there = await store.head(key, { signal })
  if (there !== undefined) throw conditionFailed('not deleted', key, condition, there.revision)
  if (!ignoreMissing) throw notFound([key])
}

async function delKeys(
  ctx: Context,
  store: Store,
  names: string[],
  { keyEncoding, dryRun, ignoreMissing }: Flags,
): Promise<void> {
  const named = names.map((name) => parseKey(name, keyEncoding))
  // A key named twice is deleted once, and was there.
  const keys = [...new Map(named.map((key) => [keyId(key), key])).values()]
  // Every key is looked at first, so that a wrong one deletes nothing.
  const found = await Promise.all(keys.map((key) => store.has(key, { signal: ctx.signal })))
  if (dryRun) return printDeleted(ctx, found.filter(Boolean).length, true)
  // Together, so that they share one commit.
  const there = await Promise.all(keys.map((key) => store.del(key, { signal: ctx.signal })))
  printDeleted(ctx, there.filter(Boolean).length, false)
  const missing = keys.filter((_, i) => !there[i])
  if (missing.length > 0 && !ignoreMissing) throw notFound(missing)
}

async function delRange(
  ctx: Context,
  store: Store,
  range: RangeOptions,
  { dryRun = false, yes = false, all = false }: Flags,
): Promise<void> {
  if (dryRun || !yes) {
    const count = await store.count({ ...range, signal: ctx.signal })
    if (dryRun) {
      if (ctx.io.stderr.isTTY) ctx.say(await samples(ctx, store, range, count))
      return printDeleted(ctx, count, true)
    }
    if (count === 0) return printDeleted(ctx, 0, false)
    await confirm(ctx, store, range, count)
  }
  printDeleted(ctx, await store.delRange({ ...range, all, signal: ctx.signal }), false)
}

/** Settles when the user agrees; throws when not, or when nobody can be asked. */
async function confirm(ctx: Context, store: Store, range: RangeOptions, count: number): Promise<void> {
  const { stdin, stderr } = ctx.io
  if (!stdin.isTTY || !stderr.isTTY || !ctx.globals.input)
    throw usageError(`this would delete ${formatCount(count, 'key')}`, 'see them with --dry-run; to go on, add --yes')
  if (count === 1) return
  stderr.write(`${await samples(ctx, store, range, count)}\n`)
  const { ask } = await import('../cli/confirm.ts')
  if (!(await ask(ctx, `Delete these ${count.toLocaleString('en')} keys?`)))
    throw new KvError('KV_DECLINED', 'nothing was deleted')
}

async function samples(ctx: Context, store: Store, range: RangeOptions, count: number): Promise<string> {
  const lines: string[] = []
  for await (const { key } of store.range({ ...range, limit: SAMPLES, keysOnly: true, signal: ctx.signal }))
    lines.push(`  ${displayKey(key)}`)
  if (count > lines.length) lines.push(`  … and ${(count - lines.length).toLocaleString('en')} more`)
  return lines.join('\n')
}

/**
 * The range that the flags name, `undefined` for named keys. Throws `KV_USAGE`, also when everything would go without
 * `--all`.
 */
function rangeOf(keys: string[], { prefix, range, all, keyEncoding }: Flags): RangeOptions | undefined {
  if (prefix !== undefined && range) throw usageError('--prefix and --range exclude each other')
  if (range) {
    // An empty variable of a script must not widen a delete.
    if (keys.length !== 2 || keys.includes(''))
      throw usageError(
        '--range takes exactly START and END, neither empty',
        'to delete from a key on, name the last key as END: kv range --keys --reverse --limit 1',
      )
    return bounds(keys[0], keys[1], keyEncoding)
  }
  if (prefix !== undefined) {
    if (keys.length > 0) throw usageError('--prefix and named keys exclude each other')
    if (prefix === '' && !all)
      throw usageError('an empty prefix means every key of the store', 'if that is what you want, add --all')
    return { prefix: parseBound(prefix, keyEncoding) }
  }
  if (all) {
    if (keys.length > 0) throw usageError('--all and named keys exclude each other')
    return {}
  }
  if (keys.length === 0) throw usageError('no key to delete', 'name keys, or use --prefix or --range')
  return undefined
}

function printDeleted(ctx: Context, count: number, dryRun: boolean): void {
  const words = `${dryRun ? 'would delete' : 'deleted'} ${formatCount(count, 'key')}`
  ctx.print.record(dryRun ? { would_delete: count } : { deleted: count }, ctx.print.isTTY ? words : String(count))
}
