import type { Command, Option } from 'commander'
import type { Context, Program } from '../../cli/context.ts'
import { commandName } from '../../cli/called.ts'
import type { Store } from '../../store/store.ts'
import { type CommandLine, lexLine } from '../language/lexer.ts'

/** What completion and hints ask of a session. */
export interface CompletionSession {
  readonly program: Program
  /** The commands of the session itself. */
  readonly dotCommands: Readonly<Record<string, { readonly usage: string; readonly summary: string }>>
  /** The context of a line. */
  context(): Context
  store(): Promise<Store>
}

/** What has been typed of a command line, as the program's own definitions explain it. */
export interface LineContext {
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
  /** Where that word begins. */
  readonly from: number
}

/**
 * Explains a line that ends at the cursor. `undefined` where there is nothing to explain: after
 * `|`, `>` or `<`, or when it cannot be read.
 */
export async function lineContext(session: CompletionSession, text: string): Promise<LineContext | undefined> {
  let line: CommandLine
  let start = 0
  try {
    line = lexLine(text)
    while (line.next < text.length || (text.endsWith('\n') && start !== line.next))
      line = lexLine(text, (start = line.next))
  } catch {
    return undefined
  }
  if (line.shell !== undefined || /[<>#]/.test(text.slice(line.words.at(-1)?.end ?? start))) return undefined
  const words = [...line.words]
  // A quote that is still open ends its word beyond the text.
  const typed = (words.at(-1)?.end ?? -1) >= text.length ? words.pop() : undefined
  const before = words.map((word) => word.text)
  if (before[0] === 'kv') before.shift()
  return { ...(await explain(session, before)), word: typed?.text ?? '', from: typed?.start ?? text.length }
}

async function explain(
  session: CompletionSession,
  words: readonly string[],
): Promise<Omit<LineContext, 'word' | 'from'>> {
  // Options of the program may stand before the command.
  const name = words[0]?.startsWith('.') ? words[0] : commandName(words, session.program.commands)
  const program = await session.program.build(session.context(), name === undefined ? [] : [name])
  const command = program.commands.find((known) => known.name() === name)
  const options = [...(command?.options ?? []), ...program.options]
  const args: string[] = []
  const given = new Map<string, string>()
  let option: Option | undefined
  let flag = ''
  let ended = false
  for (const word of words) {
    if (option !== undefined) {
      given.set(flag, word)
      option = undefined
    } else if (!ended && word === '--') ended = true
    else if (!ended && /^-[^\d]/.test(word)) {
      flag = word.split('=', 1)[0]!
      given.set(flag, word.slice(flag.length + 1))
      const known = options.find((each) => each.long === flag || each.short === flag)
      if (known?.required === true && !word.includes('=')) option = known
    } else args.push(word)
  }
  if (args[0] === name) args.shift()
  return { name: name ?? args[0], command, options, args, given, option, ended }
}
