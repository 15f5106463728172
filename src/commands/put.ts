import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { addConditions } from '../cli/line/condition.ts'
import { encodingOption, syncOption } from '../cli/line/shared-options.ts'
import type { PutFlags } from './put/put-entry.ts'

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
    .action(async (keyText: string, valueText: string | undefined, flags: PutFlags, command: Command) => {
      const { putEntry } = await import('./put/put-entry.ts')
      await putEntry(ctx, keyText, valueText, flags, endsOptions(command))
    })
}

/** Whether `--` stood before the value: then a lone `-` is the text `-`. */
function endsOptions(command: Command): boolean {
  const words = (command.parent as (Command & { rawArgs: string[] }) | null)?.rawArgs ?? []
  return words.includes('--') && words.indexOf('--') < words.lastIndexOf('-')
}
