import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, notFound, parseKey, parseLimit, wholeNumber } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import { KvError, usageError } from '../errors.ts'
import { preview } from '../formats/display/cell.ts'
import { historyRecord, writeJsonVersion } from '../formats/json/writer.ts'
import { formatBytes, formatCount } from '../safe-text.ts'
import type { Version } from '../store/driver/history.ts'
import { KEPT_VERSIONS } from '../store/history.ts'

interface Flags extends KeyFlags {
  keep?: number
  limit?: number
  yes?: boolean
}

/** Columns of a value shown in a list for people, where a terminal has as many. */
const PREVIEW = 60
/** And where it has few. */
const LEAST_PREVIEW = 8

/** `kv history` */
export function history(ctx: Context): Command {
  return new Command('history')
    .description(
      'Keep old values of each key from now on (on), stop that and drop them (off), tell whether and how many are kept, or print the versions of a key, the newest first. Every writer is caught, also other programs. `.undo` does not take on and off back.',
    )
    .usage('[options] [on|off|KEY]')
    .argument('[KEY]')
    .option(
      '--keep <n>',
      `with on: old values kept of each key (as many as before, or ${KEPT_VERSIONS}); older ones are dropped`,
      (text) => wholeNumber(text, '--keep', 1),
    )
    .option('--limit <n>', 'with KEY: at most so many versions', parseLimit)
    .option('-y, --yes', 'with off: do not ask')
    .addOption(encodingOption('key'))
    .addHelpText(
      'after',
      `
Examples:
  kv history on --keep 10
  kv history user:1                 revision, time, bytes and value
  kv get user:1 --at 10m            as it was ten minutes ago
  kv revert user:1                  back to the value before
  kv history -- on                  of a key that is named on`,
    )
    .action(async (word: string | undefined, flags: Flags, command: Command) => {
      const isKey = endsOptions(command) || (word !== 'on' && word !== 'off')
      const does = word === undefined ? 'status' : isKey ? 'list' : word
      if (flags.keep !== undefined && does !== 'on') throw usageError('--keep goes with on', 'kv history on --keep 10')
      if (flags.limit !== undefined && does !== 'list') throw usageError('--limit goes with a key')
      if (flags.yes === true && does !== 'off') throw usageError('--yes goes with off')
      if (does === 'on') await turnOn(ctx, flags)
      else if (does === 'off') await turnOff(ctx, flags)
      else if (does === 'status') await printStatus(ctx)
      else await printVersions(ctx, parseKey(word!, flags.keyEncoding), flags)
    })
}

async function turnOn(ctx: Context, { keep }: Flags): Promise<void> {
  const { history: versions } = await ctx.store()
  await versions.on({ keep, signal: ctx.signal })
  const status = await versions.status({ signal: ctx.signal })
  ctx.print.record(
    { keep: status.keep },
    ctx.print.isTTY ? `keeps ${kept(status.keep)} of each key` : `keep: ${status.keep}`,
  )
}

async function turnOff(ctx: Context, { yes }: Flags): Promise<void> {
  const { history: versions } = await ctx.store()
  const { versions: count } = await versions.status({ signal: ctx.signal })
  if (!yes && count > 0) {
    const { stdin, stderr } = ctx.io
    const what = `this would drop ${kept(count)}`
    if (!stdin.isTTY || !stderr.isTTY || !ctx.globals.input)
      throw usageError(what, `to go on: ${ctx.kv} history off --yes`)
    const { ask } = await import('../cli/confirm.ts')
    if (!(await ask(ctx, `Drop ${kept(count)}?`))) throw new KvError('KV_DECLINED', 'nothing was dropped')
  }
  const dropped = await versions.off({ signal: ctx.signal })
  ctx.print.record({ dropped }, ctx.print.isTTY ? `dropped ${kept(dropped)}` : `dropped: ${dropped}`)
}

async function printStatus(ctx: Context): Promise<void> {
  const status = await (await ctx.store()).history.status({ signal: ctx.signal })
  const { keep, since, versions, bytes } = status
  const record = historyRecord(status)
  if (since === undefined) return ctx.print.record(record, 'off')
  const began = iso(since.time)
  const text = ctx.print.isTTY
    ? `keeps ${kept(keep)} of each key since ${began}: ${versions.toLocaleString('en')} now, ${formatBytes(bytes)}`
    : `keep: ${keep}\nversions: ${versions}\nbytes: ${bytes}\nsince: ${began}\nsince_revision: ${since.revision}`
  ctx.print.record(record, text)
}

async function printVersions(ctx: Context, key: Uint8Array, { limit }: Flags): Promise<void> {
  const { history: versions } = await ctx.store()
  const { stdout } = ctx.io
  const width = stdout.isTTY ? stdout.columns() : Infinity
  let count = 0
  const pages = async function* (): AsyncGenerator<Version[], void, void> {
    for await (const page of versions.versions(key, { limit, signal: ctx.signal })) {
      count += page.length
      yield page
    }
  }
  await ctx.print.records(ctx.paced(pages()), writeJsonVersion, (version) => lineOf(version, width))
  if (count === 0 && limit !== 0) throw notFound([key])
}

function lineOf(version: Version, width: number): string {
  const revision = version.type === 'expired' ? '-' : String(version.revision)
  const time = version.time === undefined ? 'before the history' : iso(version.time)
  const head = `${revision.padStart(8)}  ${time.padEnd(24)}  `
  if (version.type !== 'put') return `${head}${version.type === 'del' ? '(deleted)' : '(expired)'}`
  const start = `${head}${formatBytes(version.value.length).padStart(8)}  `
  const room = Math.max(LEAST_PREVIEW, Math.min(PREVIEW, width - start.length))
  return start + preview(version.value, room)
}

function kept(count: number): string {
  return formatCount(count, 'old value')
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

/** Whether `--` stands before the operand: then it is a key. */
function endsOptions(command: Command): boolean {
  const words = (command.parent as (Command & { rawArgs: string[] }) | null)?.rawArgs ?? []
  return words.includes('--') && words.indexOf('--') < words.length - 1
}
