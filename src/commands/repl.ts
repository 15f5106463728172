import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import type { ReplOptions } from '../repl/index.ts'

/** `kv repl [SCRIPT]` */
export function repl(ctx: Context): Command {
  return new Command('repl')
    .description(
      'Open a session on a terminal; elsewhere run the commands of SCRIPT or of standard input, each as its line comes, up to the first that fails. kv alone on a terminal is kv repl.',
    )
    .argument('[script]', 'a file of commands')
    .option('--keep-going', 'of a script: go on after a command that failed')
    .option('--status', 'after each command write a NUL, its exit code and a line feed, for a program that asks')
    .addHelpText(
      'after',
      `
Examples:
  kv repl
  kv repl --store app.kv
  kv repl < script
  printf "put a 1\\nget a\\n" | kv repl

One session for many commands, in bash, saves the start of a process for each:
  coproc KV { kv repl --status; }
  ask() {
    printf '%s\\n' "$*" >&"\${KV[1]}" &&
      IFS= read -r -d '' answer <&"\${KV[0]}" && read -r code <&"\${KV[0]}" && return "$code"
  }
  ask "put user:1 \${name@Q}" && ask get user:1 && echo "$answer"

With --status a session goes on after a command that failed, whose messages are
on stderr, and refuses what does not end by itself, such as watch without
--limit. Every command gets its status, an empty line and a comment too.

.help in a session lists what a session can do besides.`,
    )
    .action(async (script: string | undefined, options: ReplOptions) => {
      const { runRepl } = await import('../repl/index.ts')
      ctx.exitCode = await runRepl(ctx, script, options)
    })
}
