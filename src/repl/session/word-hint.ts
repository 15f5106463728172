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

/** The hint for a word that is none of these commands of the program, and of the session, with a dot or without. */
export function wordHint(word: string, commands: object, dotCommands: object): string {
  const bare = word.toLowerCase().replace(/^\./, '')
  const own = BY_WORD.get(bare)
  if (own !== undefined) return own
  if (Object.hasOwn(dotCommands, `.${bare}`)) return `in a session that is: .${bare}`
  if (word.startsWith('.') && Object.hasOwn(commands, bare)) return `that is: ${bare}`
  const other = otherNames(bare)
  if (other !== undefined) return other
  const near = nearest(word.toLowerCase(), [...Object.keys(commands), ...Object.keys(dotCommands)])
  return near === undefined ? 'help lists the commands, .help those of a session' : `did you mean ${near}?`
}

/** The name that is fewest letters away: one, or two in a longer word. */
function nearest(word: string, names: readonly string[]): string | undefined {
  const most = word.length > 4 ? 2 : 1
  const [best] = names.map((name) => ({ name, away: distance(word, name) })).sort((a, b) => a.away - b.away)
  return best !== undefined && best.away <= most ? best.name : undefined
}

/** Letters to put in, take out, replace or swap with the next (Damerau and Levenshtein). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i])
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      rows[i]![j] = least
    }
  }
  return rows[a.length]![b.length]!
}
