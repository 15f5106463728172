import { Command } from 'commander'
import { otherNames } from '../../cli/line/synonyms.ts'

/** What a session is left with, beside `.exit`. */
export const LEAVING: ReadonlySet<string> = new Set(['exit', 'quit', '.quit'])

/** What people of other programs write in a session, in any case and without the dot, and what they get it with. */
const WORDS: readonly (readonly [words: string, hint: string])[] = [
  ['q \\q :q :q! :wq x :x bye logout close end stop', '.exit leaves, and so does Ctrl-D'],
  ['? \\? h \\h man commands', '.help lists the commands of a session, help those of kv'],
  ['use connect \\c attach cd database', '.open LOCATION goes on with another store'],
  ['source include \\i run', '.read FILE runs the commands of a file'],
  ['shell system sh bash', '!COMMAND runs a command of your shell'],
  ['output once \\o', 'COMMAND > FILE writes into a file'],
  ['rollback revert', '.undo puts back what the last writing command changed'],
  ['tables schema', 'range --keys lists the keys'],
  ['timing', '.timer shows the time of every command'],
  ['format', '.mode FORMAT sets the form of the output'],
]

const BY_WORD = new Map(WORDS.flatMap(([words, hint]) => words.split(' ').map((word) => [word, hint] as const)))

/** The commands of the program, and of the session, by name. */
interface Known {
  readonly program: { readonly commands: object }
  readonly dotCommands: object
}

/** The hint for a word that is no command, with a dot or without. */
export function wordHint(word: string, { program: { commands }, dotCommands }: Known): string {
  const bare = word.toLowerCase().replace(/^\./, '')
  const own = BY_WORD.get(bare)
  if (own !== undefined) return own
  if (Object.hasOwn(dotCommands, `.${bare}`)) return `in a session that is: .${bare}`
  if (word.startsWith('.') && Object.hasOwn(commands, bare)) return `that is: ${bare}`
  return (
    otherNames(bare) ??
    didYouMean(word.toLowerCase(), [...Object.keys(commands), ...Object.keys(dotCommands)]) ??
    'help lists the commands, .help those of a session'
  )
}

/** What commander takes the word for. */
function didYouMean(word: string, names: readonly string[]): string | undefined {
  const program = new Command()
    .exitOverride()
    .helpCommand(false)
    .configureOutput({ outputError() {} })
  for (const name of names) program.command(name)
  try {
    program.parse([word], { from: 'user' })
    return undefined
  } catch (error) {
    return /Did you mean (.*\?)/.exec((error as Error).message)?.[1]?.replace(/^/, 'did you mean ')
  }
}
