import { Command, Help, type HelpConfiguration } from 'commander'
import { commandName } from './called.ts'
import type { Context } from './context.ts'
import { GLOBAL_OPTION_LIST, type GlobalFlags } from './options.ts'

declare const __VERSION__: string

/** The version of kv; of the executable that needs no Node, also what it is built of. */
function version(): string {
  const { bun, sqlite } = process.versions
  return bun === undefined ? __VERSION__ : `${__VERSION__} (Bun ${bun}, SQLite ${sqlite})`
}

/**
 * How a help is laid out. Commander looks for colours in each word, and takes lines that fit apart and together again:
 * half the time of `kv --help`.
 */
const HELP: HelpConfiguration = {
  // Descriptions name their choices and defaults themselves.
  optionDescription: ({ description }) => description,
  displayWidth: ({ length }) => length,
  boxWrap: (text, width) => (text.length <= width && !text.includes('\n') ? text : new Help().boxWrap(text, width)),
}

/** A command in the list of commands. */
export interface CommandEntry {
  /** One line for `kv --help`. */
  readonly summary: string
  /** Loads the command's file, and nothing else; resolves to what makes the command. */
  load(): Promise<(ctx: Context) => Command>
  /** Optional: runs it for operands alone, of which it takes so many, as it runs where every option has its default. */
  readonly plain?: {
    readonly least: number
    readonly most: number
    load(): Promise<(ctx: Context, operands: readonly string[]) => Promise<void>>
  }
}

/** Makes the program for one command line; of the commands only the one that is called is loaded. */
export async function buildProgram(
  ctx: Context,
  argv: readonly string[],
  commands: Readonly<Record<string, CommandEntry>>,
): Promise<Command> {
  const program = bareProgram(ctx)
  const called = commandName(argv, commands)
  if (called !== undefined) addCommand(program, (await commands[called]!.load())(ctx))
  else addOverview(program, ctx)
  return program
}

/** The program with its options, without a command. */
function bareProgram(ctx: Context): Command {
  const program = new Command('kv')
    .description('An ordered key-value store in one local file.')
    .usage('[options] COMMAND ...')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
  for (const { flags, help, variable, note = '' } of GLOBAL_OPTION_LIST)
    program.option(flags, `${help} (${variable}${note})`)
  return program
    .configureHelp(HELP)
    .configureOutput({
      writeOut: (text) => ctx.io.stdout.write(text),
      writeErr: (text) => ctx.io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => ctx.io.stdout.columns(),
      getErrHelpWidth: () => ctx.io.stderr.columns(),
      // There are none to take away; Node's streams would be asked, which take long to load.
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    })
    .showSuggestionAfterError()
    .exitOverride()
    .hook('preAction', () => ctx.configure(program.opts<GlobalFlags>()))
}

/** Adds every command by name and summary, for help and for suggestions. */
function addOverview(program: Command, ctx: Context): void {
  for (const [name, { summary }] of Object.entries(ctx.program.commands)) {
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

Help: kv COMMAND -h; kv help formats|templates|recipes|care|exit-codes|environment|durability|etcd${ctx.inSession ? '\nIn a session kv may be left out; .help lists what it has besides.' : ''}`,
  )
}

function addCommand(program: Command, command: Command): void {
  program.addCommand(
    command
      .copyInheritedSettings(program)
      .helpOption('-h, --help', 'show help')
      .addHelpText('after', '\nOptions of every command (--store, --json, --format and more): kv --help'),
  )
}
