import { GLOBAL_OPTION_LIST, type GlobalFlags } from './options.ts'

/** The long and short names of the global options, and whether a value follows as a word of its own. */
const TAKES_VALUE = new Map(
  GLOBAL_OPTION_LIST.flatMap(({ flags }) =>
    flags.split(', ').map((flag) => [flag.split(' ', 1)[0]!, flags.includes('<')] as const),
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

/** A command line of nothing but a command, its operands, and perhaps `--store LOCATION`. */
export interface PlainLine {
  readonly command: string
  readonly operands: readonly string[]
  readonly flags: GlobalFlags
}

/**
 * Takes such a line apart; `undefined` for any other, which commander takes apart: to load and run that is a tenth of a
 * cold `kv get`.
 */
export function plainLine(argv: readonly string[]): PlainLine | undefined {
  const words: string[] = []
  const flags: GlobalFlags = {}
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    const next = argv[i + 1]
    if (word === '--store' && flags.store === undefined && next !== undefined && isOperand(next)) {
      flags.store = next
      i++
    } else if (isOperand(word)) words.push(word)
    else return undefined
  }
  const [command, ...operands] = words
  return command === undefined ? undefined : { command, operands, flags }
}

/** Whether a word is an operand wherever it stands. */
function isOperand(word: string): boolean {
  return word !== '' && !word.startsWith('-')
}
