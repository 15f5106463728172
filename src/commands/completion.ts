import { Argument, Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { resolveGlobals } from '../cli/options.ts'
import { oneOrMore } from '../completion/prefix-counter.ts'
import { SHELLS, SHELL_NAMES } from '../completion/shells/index.ts'
import type { SentLine } from '../completion/shells/shell.ts'
import { type Suggestions, suggest } from '../completion/suggest.ts'
import { typedLine } from '../completion/typed-line.ts'
import { oneOf } from '../errors.ts'
import type { Store } from '../store/store.ts'

/** How long a Tab may take, in milliseconds: a server may say nothing. */
const PATIENCE_MS = 1500

/** `kv completion SHELL` */
export function completion(ctx: Context): Command {
  const shell = new Argument('<SHELL>')
  // For completion; the action refuses in words of our own.
  shell.argChoices = [...SHELL_NAMES]
  return new Command('completion')
    .description(
      `Print the script that lets a shell complete the command lines of kv: commands, options, their values, files, and the keys of the store. Shells: ${SHELL_NAMES.join(', ')}.`,
    )
    .addArgument(shell)
    .argument('[LINE...]')
    .addHelpText(
      'after',
      `
To have it in every new shell:
  bash        echo 'eval "$(kv completion bash)"' >> ~/.bashrc
  zsh         echo 'source <(kv completion zsh)' >> ~/.zshrc     (after compinit)
  fish        kv completion fish > ~/.config/fish/completions/kv.fish
  powershell  Add-Content $PROFILE 'kv completion powershell | Out-String | iex'

Examples:
  kv completion bash
  eval "$(kv completion bash)"

LINE is what the script sends at every Tab. Nothing on it is run.`,
    )
    .action(async (name: string, sent: string[]) => {
      const { script, read } = SHELLS[oneOf(SHELL_NAMES, name, `no completion for ${name}`)]
      if (sent.length === 0) return ctx.io.stdout.write(script)
      const line = read(sent, ctx.io.env)
      ctx.io.stdout.write(line.answer(await found(ctx, line)))
    })
}

async function found(ctx: Context, { words, word, isTarget }: SentLine): Promise<Suggestions> {
  if (isTarget) return { isFile: true, before: '', list: [], more: false }
  const host = { program: ctx.program, dotCommands: {}, context: () => ctx }
  const typed = await typedLine(host, words, word)
  const signal = AbortSignal.timeout(PATIENCE_MS)
  let opened: Store | undefined
  const store = async (): Promise<Store> =>
    (opened = await ctx.open(
      resolveGlobals({ store: typed.given.get('--store'), input: false }, ctx.io.env, ctx.globals),
      {
        signal,
      },
    ))
  try {
    return await suggest(host, typed, { store, counter: oneOrMore }, signal)
  } finally {
    await opened?.close()
  }
}
