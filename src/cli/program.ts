import { Command } from 'commander'
import { COMMANDS, type CommandName } from '../commands/index.ts'
import type { Context } from './context.ts'
import { FORMATS, type GlobalFlags } from './options.ts'

declare const __VERSION__: string

/** Global options that take a value, as the user writes them. */
const WITH_VALUE = new Set(['--store', '--format', '--lock-timeout', '--timeout'])

/** The others that say nothing by themselves. */
const BARE = /^(--json|-q|--quiet|--no-color|--no-input|--debug|--(store|format|lock-timeout|timeout)=.*)$/

/**
 * The program for one command line. Only the command that is called is loaded; the others are
 * known by name and summary, for help and for suggestions.
 */
export async function buildProgram(ctx: Context, argv: readonly string[]): Promise<Command> {
  const program = new Command('kv')
    .description('An ordered key-value store in one local file.')
    .usage('[options] COMMAND ...')
    .version(__VERSION__, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .option('--store <location>', 'the store: a file, or a location (KV_STORE)')
    .option('--json', 'print JSON (KV_JSON)')
    .option('--format <format>', `form of the output: ${FORMATS.join(' ')} (KV_FORMAT)`)
    .option('-q, --quiet', 'no messages but errors (KV_QUIET)')
    .option('--no-color', 'no colour (KV_NO_COLOR, NO_COLOR)')
    .option('--no-input', 'never ask (KV_NO_INPUT)')
    .option('--lock-timeout <time>', 'how long a write waits for another process (KV_LOCK_TIMEOUT; 5s)')
    .option('--timeout <time>', 'how long a server may be silent (KV_TIMEOUT; 30s)')
    .option('--debug', 'show stacks of errors (KV_DEBUG)')
    // Descriptions name their choices and defaults themselves.
    .configureHelp({ optionDescription: (option) => option.description })
    .configureOutput({
      writeOut: (text) => ctx.io.stdout.write(text),
      writeErr: (text) => ctx.io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => ctx.io.stdout.columns(),
      getErrHelpWidth: () => ctx.io.stderr.columns(),
    })
    .showSuggestionAfterError()
    .exitOverride()
    .hook('preAction', () => ctx.configure(program.opts<GlobalFlags>()))
  const called = commandName(argv)
  if (called !== undefined) {
    addCommand(program, await COMMANDS[called].load(ctx))
  } else {
    for (const [name, { summary }] of Object.entries(COMMANDS)) {
      if (!(ctx.inSession && name === 'repl')) addCommand(program, new Command(name).summary(summary))
    }
    program.addHelpText(
      'after',
      `
Examples:
  kv put user:1 Ada                      store a value
  kv get user:1                          print it
  kv range --prefix user:                entries in key order
  cat rows.jsonl | kv batch-put          many at once, from {"key":...,"value":...} lines

Help: kv COMMAND --help; kv help exit-codes|formats|environment|durability${ctx.inSession ? '\nIn a session kv may be left out; .help lists what it has besides.' : ''}`,
    )
  }
  return program
}

function addCommand(program: Command, command: Command): void {
  program.addCommand(
    command
      .copyInheritedSettings(program)
      .helpOption('-h, --help', 'show help')
      .addHelpText('after', '\nOptions of every command (--store, --json, --format and more): kv --help'),
  )
}

/** The first word that is neither an option nor an option's value, if it is a command. */
export function commandName(argv: readonly string[]): CommandName | undefined {
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') return asCommand(argv[i + 1])
    if (WITH_VALUE.has(word)) i++
    else if (!word.startsWith('-')) return asCommand(word)
  }
  return undefined
}

function asCommand(word: string | undefined): CommandName | undefined {
  return word !== undefined && Object.hasOwn(COMMANDS, word) ? (word as CommandName) : undefined
}

/** Whether there is no word but global options: on a terminal, the start of a session. */
export function isBare(argv: readonly string[]): boolean {
  return (
    !WITH_VALUE.has(argv.at(-1)!) &&
    argv.every((word, i) => WITH_VALUE.has(word) || WITH_VALUE.has(argv[i - 1]!) || BARE.test(word))
  )
}
