import { Command } from 'commander'
import type { Context } from '../cli/context.ts'

interface Flags {
  keepGoing?: boolean
}

/** `kv repl [SCRIPT]` */
export function repl(ctx: Context): Command {
  return new Command('repl')
    .description(
      'Open a session on a terminal; elsewhere run the commands of SCRIPT or of standard input, each as its line comes, up to the first that fails. kv alone on a terminal is kv repl.',
    )
    .argument('[script]', 'a file of commands')
    .option('--keep-going', 'of a script: go on after a command that failed')
    .addHelpText(
      'after',
      '\nExamples:\n  kv repl\n  kv repl --store app.kv\n  kv repl < script\n  printf "put a 1\\nget a\\n" | kv repl\n  coproc kv repl            keep one open in bash: echo "get a" >&"${COPROC[1]}"\n\n.help in a session lists what a session can do besides.',
    )
    .action(async (script: string | undefined, { keepGoing = false }: Flags) => {
      const { runRepl } = await import('../repl/index.ts')
      ctx.exitCode = await runRepl(ctx, script, keepGoing)
    })
}
