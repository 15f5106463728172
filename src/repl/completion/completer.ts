import { type Dirent, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import type { PrefixCounter } from '../../completion/prefix-counter.ts'
import { suggest } from '../../completion/suggest.ts'
import { escapeLine } from '../../safe-text.ts'
import { quoteWord } from '../../shell-quote.ts'
import type { Candidate, Completion } from '../../terminal/menu.ts'
import { type CompletionSession, lineContext } from './line-context.ts'

/** Completes what is before the cursor of a session: commands, options, their values, files, and every key of the store. */
export async function complete(
  session: CompletionSession,
  counter: PrefixCounter,
  text: string,
  cursor: number,
  signal: AbortSignal,
): Promise<Completion> {
  const context = await lineContext(session, text.slice(0, cursor))
  if (context === undefined) return { from: cursor, to: cursor, candidates: [], footer: '' }
  const place = { from: context.from, to: cursor }
  const { isFile, before, list, more } = await suggest(
    session,
    context,
    { store: () => session.store(), counter },
    signal,
  )
  if (isFile) return { ...place, candidates: files(before, context.word.slice(before.length)), footer: '' }
  const candidates = list
    // A session cannot be opened in one.
    .filter(({ text: word }) => word !== 'repl' || context.name !== undefined)
    .map(({ text: word, label, note, final }): Candidate => ({ text: quoted(word, final), label, note, final }))
  return { ...place, candidates, footer: more ? 'and more' : '' }
}

/** A word, quoted where that is needed; the quote stays open while more of it must follow. */
function quoted(text: string, final: boolean): string {
  const word = quoteWord(text)
  return final ? word : word.replace(/'$/, '')
}

/** Files and folders whose path begins so, behind what stands before it in the word. */
function files(before: string, word: string): Candidate[] {
  const [, folder = '', start = ''] = /^(.*\/)?(.*)$/s.exec(word)!
  let entries: Dirent[]
  try {
    const path = folder.startsWith('~/') ? `${homedir()}${folder.slice(1)}` : folder
    entries = readdirSync(path || '.', { withFileTypes: true })
  } catch {
    return []
  }
  return entries
    .filter(({ name }) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => {
      const isFolder = entry.isDirectory()
      const name = isFolder ? `${entry.name}/` : entry.name
      const path = `${folder}${name}`
      // Within quotes a ~ would be no more than that.
      const text =
        path.startsWith('~/') && before === ''
          ? `~/${quoted(path.slice(2), !isFolder)}`
          : quoted(before + path, !isFolder)
      return { text, label: escapeLine(name), note: '', final: !isFolder }
    })
}
