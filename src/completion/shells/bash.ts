import { escapeLine } from '../../safe-text.ts'
import type { Suggestion, Suggestions } from '../suggest.ts'
import { type Quote, quoteRest, readPosixLine } from './posix-line.ts'
import type { Shell } from './shell.ts'
import script from './kv.bash?raw'

/** Values of `COMP_TYPE` with which each suggestion is inserted: menu completion, and all at once. */
const INSERTS = ['37', '42']

/**
 * What the script sends: the line up to the cursor, what of it readline replaces (the end of the word being typed, from
 * the last `:`, `=` or open quote on), and `COMP_TYPE`. The answer: `files`, `more` (no blank follows) or `done`, and
 * what is to be inserted or shown, one a line.
 */
export const bash: Shell = {
  script,
  read([line = '', replaced = '', type = ''], env) {
    const { words, typed } = readPosixLine(line, env)
    const raw = line.slice(typed.from)
    const kept = raw.slice(0, raw.length - replaced.length)
    const answer = (found: Suggestions): string => {
      if (found.isFile) return 'files\n'
      const list = found.list.filter(({ text }) => !text.includes('\0'))
      if (list.length === 0) return 'done\n'
      const head = readPosixLine(kept, env).typed
      const written = (text: string): string =>
        closable(quoteRest(text.slice(head.text.length), head.quote), head.quote)
      const common = commonStart(list)
      if (list.length > 1 && INSERTS.includes(type)) return lines('more', ...list.map(({ text }) => written(text)))
      if (list.length === 1) return lines(list[0]!.final ? 'done' : 'more', written(common))
      if (common.length > typed.text.length) return lines('more', written(common))
      return lines('more', ...shown(list, typed.text, replaced, found.before))
    }
    return { words: words.slice(1), word: typed.text, isTarget: typed.isTarget, answer }
  },
}

/** Readline closes an open quote, but not where the text ends with such a sign already. */
function closable(text: string, quote: Quote): string {
  return quote !== '' && text.endsWith(quote.at(-1)!) ? text + quote.at(-1)! : text
}

/** What is shown of each: readline inserts what they have in common, so it must be what is there already. */
function shown(list: readonly Suggestion[], typed: string, replaced: string, before: string): string[] {
  const rests = list.map(({ text, label }) => {
    const ending = label.slice(escapeLine(text.slice(before.length)).length)
    return escapeLine(text.slice(typed.length)) + ending
  })
  const alike = rests.every((rest) => rest !== '' && rest[0] === rests[0]![0])
  return [...rests, ...(alike ? [''] : [])].map((rest) => replaced + rest)
}

function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('')
}

/** What all begin with, in whole characters. */
function commonStart(list: readonly Suggestion[]): string {
  const [first, ...others] = list.map(({ text }) => [...text])
  let length = first!.length
  for (const other of others) {
    let same = 0
    while (same < length && first![same] === other[same]) same++
    length = same
  }
  return first!.slice(0, length).join('')
}
