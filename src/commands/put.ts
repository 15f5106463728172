import { Command } from 'commander'
import { asBuffer } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { parseDuration } from '../duration.ts'
import { usageError } from '../errors.ts'
import { displayKey, formatBytes } from '../safe-text.ts'
import { putKeepingExpiry } from '../store/conditional.ts'
import { type KeyFlags, encodingOption, parseKey, parseValue, syncOption } from '../cli/line/arguments.ts'
import { type ConditionFlags, addConditions, conditionFailed, conditionOf } from '../cli/line/condition.ts'

interface Flags extends KeyFlags, ConditionFlags {
  file?: string
  ttl?: string
  keepTtl?: boolean
  sync: boolean
}

/** `kv put KEY [VALUE]` */
export function put(ctx: Context): Command {
  const command = new Command('put')
    .description(
      'Store a value under a key. VALUE is the argument, or the exact bytes of standard input (without VALUE, or -), or of a file. It is on disk when kv exits.',
    )
    .argument('<KEY>')
    .argument('[VALUE]')
    .option('--file <file>', 'take the value from a file; - is standard input')
    .option('--ttl <time>', 'let the entry expire after this time: 500ms 90s 10m 2h 7d')
    .option('--keep-ttl', 'let it expire when the entry that is there would')
    .option('--if-absent', 'only if the key is not there')
  return addConditions(command)
    .addOption(encodingOption('key'))
    .addOption(encodingOption('value'))
    .addOption(syncOption())
    .addHelpText(
      'after',
      '\nExamples:\n  kv put user:1 Ada\n  kv put image.png --file image.png\n  date | kv put now\n  kv put session:9 on --ttl 30m\n  kv put lock mine --if-absent\n  kv put offset -- -5\n  kv put page:1 text --store cache.kv --max-entries 1000\n\nA store that is made with --max-entries N (or KV_MAX_ENTRIES) has N entries at\nmost, whoever writes to it. What is put beyond that has the entry go that was\nwritten longest ago; those that have expired go first. N is fixed in the file:\nkv copy makes a store with another. kv stat counts how many had to go.',
    )
    .action(async (keyText: string, valueText: string | undefined, flags: Flags, command: Command) => {
      const key = parseKey(keyText, flags.keyEncoding)
      const condition = conditionOf(flags)
      if (flags.ttl !== undefined && flags.keepTtl) throw usageError('--ttl and --keep-ttl exclude each other')
      const ttl = flags.ttl === undefined ? undefined : parseDuration(flags.ttl, 'time to live')
      const store = await ctx.store({ sync: flags.sync })
      const value = await valueOf(ctx, valueText, flags, endsOptions(command), store.limits.maxValueBytes)
      const result = flags.keepTtl
        ? await putKeepingExpiry(store, key, value, condition, ctx.abortable)
        : await store.put(key, value, { ttl, condition, ...ctx.abortable })
      if (!result.applied) throw conditionFailed('not stored', key, condition!, result.revision)
      if (ctx.io.stderr.isTTY)
        ctx.say(`${result.created ? 'created' : 'replaced'} ${displayKey(key)} (${formatBytes(value.length)})`)
    })
}

/** Whether `--` stood before the value: then a lone `-` is the text `-`. */
function endsOptions(command: Command): boolean {
  const words = (command.parent as (Command & { rawArgs: string[] }) | null)?.rawArgs ?? []
  return words.includes('--') && words.indexOf('--') < words.lastIndexOf('-')
}

async function valueOf(
  ctx: Context,
  text: string | undefined,
  { file, valueEncoding }: Flags,
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
  const { isTerminalPath, readInputFile } = await import('../load/input-file.ts')
  return ctx.inSession && isTerminalPath(file)
    ? ctx.io.stdin.readAll(maxBytes)
    : readInputFile(file, maxBytes, ctx.signal)
}
