import { asBuffer } from '../../bytes.ts'
import type { Context } from '../../cli/context.ts'
import { parseDuration } from '../../duration.ts'
import { usageError } from '../../errors.ts'
import { displayKey, formatBytes } from '../../safe-text.ts'
import { putKeepingExpiry } from './put-keeping-expiry.ts'
import { type KeyFlags, parseKey, parseValue } from '../../cli/line/arguments.ts'
import { type ConditionFlags, conditionFailed, conditionOf } from '../../cli/line/condition.ts'

/** The flags of `kv put`. */
export interface PutFlags extends KeyFlags, ConditionFlags {
  file?: string
  ttl?: string
  keepTtl?: boolean
  sync: boolean
}

/** Stores a value under a key, without any option; one operand: the value is read. */
export function putPlain(ctx: Context, [key, value]: readonly string[]): Promise<void> {
  return putEntry(ctx, key!, value, { keyEncoding: 'utf8', valueEncoding: 'utf8', sync: true }, false)
}

/** Stores a value under a key. `literal`: whether a lone `-` is that text, and not standard input. */
export async function putEntry(
  ctx: Context,
  keyText: string,
  valueText: string | undefined,
  flags: PutFlags,
  literal: boolean,
): Promise<void> {
  const key = parseKey(keyText, flags.keyEncoding)
  const condition = conditionOf(flags)
  if (flags.ttl !== undefined && flags.keepTtl) throw usageError('--ttl and --keep-ttl exclude each other')
  const ttl = flags.ttl === undefined ? undefined : parseDuration(flags.ttl, 'time to live')
  const store = await ctx.store({ sync: flags.sync })
  const value = await valueOf(ctx, valueText, flags, literal, store.limits.maxValueBytes)
  const result = flags.keepTtl
    ? await putKeepingExpiry(store, key, value, condition, ctx.abortable)
    : await store.put(key, value, { ttl, condition, ...ctx.abortable })
  if (!result.applied) throw conditionFailed('not stored', key, condition!, result.revision)
  if (ctx.io.stderr.isTTY)
    ctx.say(`${result.created ? 'created' : 'replaced'} ${displayKey(key)} (${formatBytes(value.length)})`)
}

async function valueOf(
  ctx: Context,
  text: string | undefined,
  { file, valueEncoding }: PutFlags,
  literal: boolean,
  valueBytes: number,
): Promise<Uint8Array> {
  if (file !== undefined && text !== undefined) throw usageError('both VALUE and --file are given')
  if (text !== undefined && (text !== '-' || literal)) return parseValue(text, valueEncoding)
  // In hex a value takes twice its bytes, and a line end.
  const maxBytes = valueEncoding === 'utf8' ? valueBytes : 2 * valueBytes + 2
  const bytes =
    file === undefined || file === '-'
      ? await standardInput(ctx, (text ?? file) === '-', maxBytes)
      : await fileInput(ctx, file, maxBytes)
  // Input in hex or base64 may end with a line feed, as tools print it.
  return valueEncoding === 'utf8' ? bytes : parseValue(asBuffer(bytes).toString('latin1').trim(), valueEncoding)
}

/** @param asked whether `-` was written: then an input that nobody gave is an empty one */
async function standardInput(ctx: Context, asked: boolean, maxBytes: number): Promise<Uint8Array> {
  const { stdin } = ctx.io
  if (stdin.isNull && !asked)
    throw usageError(
      'no VALUE',
      'give it as an argument (after -- if it begins with -), with --file, or through a pipe; "" is the empty value',
    )
  if (stdin.isTTY) {
    if (!ctx.globals.input) throw usageError('no VALUE', 'give it as an argument, with --file, or through a pipe')
    if (!ctx.inSession)
      ctx.io.stderr.write('reading the value; end it with Ctrl-D (twice after text without a line end)\n')
  }
  return stdin.readAll(maxBytes)
}

/** The terminal of a session gives what the user types there. */
async function fileInput(ctx: Context, file: string, maxBytes: number): Promise<Uint8Array> {
  const { isTerminalPath, readInputFile } = await import('../../load/input-file.ts')
  return ctx.inSession && isTerminalPath(file)
    ? ctx.io.stdin.readAll(maxBytes)
    : readInputFile(file, maxBytes, ctx.signal)
}
