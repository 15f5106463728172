import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseKey } from '../cli/line/arguments.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import { KvError } from '../errors.ts'
import { parseMoment } from '../formats/time.ts'
import { displayKey, formatBytes } from '../safe-text.ts'
import { unchanged } from '../store/conditional.ts'
import type { Entry } from '../store/driver/entry.ts'
import type { Moment, Version } from '../store/driver/history.ts'
import type { Store } from '../store/store.ts'

interface Flags extends KeyFlags {
  to?: string
  dryRun?: boolean
  sync: boolean
}

/** `kv revert KEY` */
export function revert(ctx: Context): Command {
  return new Command('revert')
    .description(
      'Put back what a key was before its newest change, or with --to at a revision or time, where the store keeps a history (kv history on). A key that was not there then is deleted. It is a write of its own: run again without --to, it takes itself back. An expiry that is past is left out.',
    )
    .argument('<KEY>')
    .option('--to <moment>', 'a revision, a time such as 2030-01-31T12:00:00Z, or 10m: so long ago')
    .option('--dry-run', 'only say what would be done')
    .addOption(encodingOption('key'))
    .addOption(syncOption())
    .addHelpText('after', '\nExamples:\n  kv revert user:1 --dry-run\n  kv revert user:1\n  kv revert user:1 --to 1h')
    .action(async (text: string, { keyEncoding, to, dryRun = false, sync }: Flags) => {
      const key = parseKey(text, keyEncoding)
      const moment = to === undefined ? undefined : parseMoment(to, '--to')
      const store = await ctx.store({ sync })
      for (;;) {
        const now = await store.getEntry(key, ctx.abortable)
        const then = await entryThen(ctx, store, key, moment)
        if (isSame(now, then)) return print(ctx, key, 'unchanged', now)
        if (!dryRun && !(await restored(ctx, store, key, now, then))) continue
        return print(ctx, key, `${dryRun ? 'would be ' : ''}${then === undefined ? 'deleted' : 'put back'}`, then)
      }
    })
}

/** What the key was at a moment; without one, before its newest version. Throws as `History.at`, and `KV_NOT_FOUND`. */
async function entryThen(
  ctx: Context,
  store: Store,
  key: Uint8Array,
  moment: Moment | undefined,
): Promise<Entry | undefined> {
  if (moment !== undefined) return store.history.at(key, moment, { signal: ctx.signal })
  const versions: Version[] = []
  for await (const page of store.history.versions(key, { limit: 2, signal: ctx.signal })) versions.push(...page)
  const [newest, before] = versions
  if (newest === undefined) throw notFound([key])
  if (before !== undefined) return before.type === 'put' ? before : undefined
  // Nothing older is kept: the first put of a key that was not there, unless that is not known.
  if (newest.type === 'put' && newest.time !== undefined)
    return store.history.at(key, { revision: newest.revision - 1 }, { signal: ctx.signal })
  throw new KvError('KV_HISTORY_GAP', `no older version of ${displayKey(key)} is kept`)
}

function isSame(now: Entry | undefined, then: Entry | undefined): boolean {
  return now === undefined ? then === undefined : now.revision === then?.revision
}

/** Writes what was then, unless the key has been written meanwhile; whether it did. */
async function restored(
  ctx: Context,
  store: Store,
  key: Uint8Array,
  now: Entry | undefined,
  then: Entry | undefined,
): Promise<boolean> {
  const options = { condition: unchanged(now), ...ctx.abortable }
  if (then === undefined) return store.del(key, options)
  const expires = then.expires !== undefined && then.expires > Date.now() ? then.expires : undefined
  return (await store.put(key, then.value, { expires, ...options })).applied
}

function print(ctx: Context, key: Uint8Array, done: string, entry: Entry | undefined): void {
  const from = entry === undefined ? '' : ` as of revision ${entry.revision} (${formatBytes(entry.value.length)})`
  const record = { key: displayKey(key), done, from_revision: entry?.revision ?? null }
  ctx.print.record(record, `${displayKey(key)} ${done}${from}`)
}
