import { GLOBAL_OPTION_LIST } from './options.ts'

/** The long and short names of the global options, and whether a value follows as a word of its own. */
const TAKES_VALUE = new Map(
  GLOBAL_OPTION_LIST.flatMap(({ flags }) =>
    flags.match(/--?[a-z-]+/g)!.map((name) => [name, flags.includes('<')] as const),
  ),
)

/** The first word that is neither an option nor the value of a global one, if it is one of these commands. */
export function commandName(argv: readonly string[], commands: object): string | undefined {
  let word: string | undefined
  for (let i = 0; i < argv.length; i++) {
    word = argv[i]!
    if (word === '--') word = argv[i + 1]
    else if (TAKES_VALUE.get(word)) {
      i++
      continue
    } else if (word.startsWith('-')) continue
    return word !== undefined && Object.hasOwn(commands, word) ? word : undefined
  }
  return undefined
}

/** Whether there is no word but global options: on a terminal, the start of a session. */
export function isBare(argv: readonly string[]): boolean {
  for (let i = 0; i < argv.length; i++) {
    const [name, joined] = argv[i]!.split('=', 2) as [string, string?]
    const takesValue = TAKES_VALUE.get(name)
    if (takesValue === undefined || (joined !== undefined && !takesValue)) return false
    if (takesValue && joined === undefined && ++i === argv.length) return false
  }
  return true
}
