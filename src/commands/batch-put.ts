import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { usageError } from '../errors.ts'
import { INPUT_FORMATS } from '../formats/parsers.ts'
import { isTerminalPath } from '../load/input-file.ts'
import { checkInput } from '../load/open-input.ts'
import { type Flags, requestOf, withFlags } from './batch-put/flags.ts'
import { Run } from './batch-put/run.ts'

/** `kv batch-put [FILE...]` */
export function batchPut(ctx: Context): Command {
  const command = new Command('batch-put')
    .description(
      'Store many entries: JSON Lines {"key":K,"value":V}, JSON, CSV or TSV with a header key,value[,ttl], packed with gzip or Zstandard or not; or records of any fields, with --key saying which of them is the key. Of equal keys the last wins.',
    )
    .argument('[FILE...]', 'input; - or none is standard input')
  return withFlags(command)
    .addHelpText(
      'after',
      `\nHere --format names the form of the input: ${INPUT_FORMATS.join(' ')};\nwithout it, the name of the file decides, else a look at what is in it.\n\nExamples:\n  kv batch-put rows.jsonl more.csv.gz\n  cat rows.jsonl | kv batch-put\n  kv range | kv batch-put --store copy.kv\n  kv batch-put --key 'user:{id}' people.csv\n  kv batch-put --on-error skip --rejects bad.jsonl rows.jsonl`,
    )
    .action(async (files: string[], flags: Flags) => {
      const request = requestOf(flags, ctx.globals.formatFlag)
      const names = files.length > 0 ? files : ['-']
      const { isTTY, isNull, fd } = ctx.io.stdin
      if (names.includes('-') && fd < 0)
        throw usageError('a session is no input', 'name files, or write batch-put < FILE')
      const own = ctx.inSession ? names.find((name) => name !== '-' && isTerminalPath(name)) : undefined
      if (own !== undefined)
        throw usageError(`${own} is the terminal of this session`, 'name files, or write batch-put < FILE')
      if (names.includes('-') && isTTY) {
        if (!ctx.globals.input) throw usageError('no input', 'name files, or send records through a pipe')
        const what = request.isFiles ? 'names of files, one' : 'records, one {"key":...,"value":...}'
        ctx.io.stderr.write(`reading ${what} a line; end with Ctrl-D\n`)
      }
      if (files.length === 0 && isNull) throw usageError('no input', 'name files, or send records through a pipe')
      // Before anything is stored, so that a wrong name stores nothing.
      for (const name of names) if (!request.isFiles || name === '-') checkInput(name, fd)
      await new Run(ctx, await ctx.store({ sync: flags.sync }), request).all(names)
    })
}
