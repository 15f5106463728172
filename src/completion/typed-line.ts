import type { Command, Option } from 'commander'
import { commandName } from '../cli/called.ts'
import type { Context, Program } from '../cli/context.ts'

/** What completion asks of a session or of the program. */
export interface CompletionHost {
  readonly program: Program
  /** The commands of a session itself; none in a shell. */
  readonly dotCommands: Readonly<Record<string, { readonly usage: string; readonly summary: string }>>
  /** The context of a line. */
  context(): Context
}

/** What has been typed of a command line, as the program's own definitions explain it. */
export interface TypedLine {
  /** The first word; `undefined` while it is being typed. */
  readonly name: string | undefined
  /** The command of that name, with its options and those of the program. */
  readonly command: Command | undefined
  readonly options: readonly Option[]
  /** The arguments given, without the word being typed. */
  readonly args: readonly string[]
  /** The options given as they were written, `--prefix`, with their values; `''` where there is none. */
  readonly given: ReadonlyMap<string, string>
  /** The option whose value comes next. */
  readonly option: Option | undefined
  /** Whether `--` came before, so that no option can follow. */
  readonly ended: boolean
  /** The word being typed, as far as it is there; `''` after a blank. */
  readonly word: string
}

/** Explains a line by its words before the one being typed, `kv` itself left out, and that one. */
export async function typedLine(host: CompletionHost, words: readonly string[], word: string): Promise<TypedLine> {
  // Options of the program may stand before the command.
  const name = words[0]?.startsWith('.') ? words[0] : commandName(words, host.program.commands)
  const program = await host.program.build(host.context(), name === undefined ? [] : [name])
  const command = program.commands.find((known) => known.name() === name)
  const options = [...(command?.options ?? []), ...program.options]
  const args: string[] = []
  const given = new Map<string, string>()
  let option: Option | undefined
  let flag = ''
  let ended = false
  for (const each of words) {
    if (option !== undefined) {
      given.set(flag, each)
      option = undefined
    } else if (!ended && each === '--') ended = true
    else if (!ended && /^-[^\d]/.test(each)) {
      flag = each.split('=', 1)[0]!
      given.set(flag, each.slice(flag.length + 1))
      const known = optionOf(options, flag)
      if (known?.required === true && !each.includes('=')) option = known
    } else args.push(each)
  }
  if (args[0] === name) args.shift()
  return { name: name ?? args[0], command, options, args, given, option, ended, word }
}

/** The option of that long or short name. */
export function optionOf(options: readonly Option[], name: string): Option | undefined {
  return options.find(({ long, short }) => long === name || short === name)
}
