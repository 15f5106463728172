import { type Dirent, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { TOPICS } from '../../cli/topics.ts'
import { FORMAT_NAMES } from '../../formats/index.ts'
import { escapeLine } from '../../safe-text.ts'
import { keyGroups, keyLabel } from './key-completion.ts'
import { quoteWord } from '../../shell-quote.ts'
import { fieldNames } from './field-names.ts'
import { type CompletionSession, type LineContext, lineContext } from './line-context.ts'
import type { Candidate, Completion } from '../../terminal/menu.ts'
import type { PrefixCounter } from './prefix-counter.ts'
import type { Store } from '../../store/store.ts'

/** What a place of the line takes, by the names that arguments and values have in the help texts. */
type Kind = 'command' | 'option' | 'key' | 'field' | 'file' | 'topic' | 'format' | 'nothing' | readonly string[]

const KINDS: Readonly<Record<string, Kind>> = {
  key: 'key',
  prefix: 'key',
  start: 'key',
  end: 'key',
  file: 'file',
  location: 'file',
  topic: 'topic',
  format: 'format',
  off: ['off'],
  'on|off': ['on', 'off'],
  command: 'command',
}

/** Completes what is before the cursor: commands, options, their values, files, and every key of the store. */
export async function complete(
  session: CompletionSession,
  counter: PrefixCounter,
  text: string,
  cursor: number,
  signal: AbortSignal,
): Promise<Completion> {
  const context = await lineContext(session, text.slice(0, cursor))
  if (context === undefined) return { from: cursor, to: cursor, candidates: [], footer: '' }
  const { word, from } = context
  const place = { from, to: cursor }
  const kind = kindOf(context, session.dotCommands)
  if (kind === 'key') return { ...place, ...(await keys(await session.store(), counter, word, signal)) }
  if (kind === 'file') return { ...place, candidates: files(word), footer: '' }
  if (kind === 'field') {
    const names = await fieldNames(await session.store(), context.args[0]!, word, signal)
    // A name may lead on to others.
    const candidates = names.map((name) => ({ ...plain(quoteWord(name)), final: false }))
    return { ...place, candidates, footer: '' }
  }
  const candidates = candidatesOf(kind, context, session).filter((each) => each.text.startsWith(word))
  return { ...place, candidates, footer: '' }
}

function candidatesOf(
  kind: Exclude<Kind, 'key' | 'field' | 'file'>,
  context: LineContext,
  session: CompletionSession,
): Candidate[] {
  const { program, dotCommands } = session
  const words = (...texts: readonly string[]): Candidate[] => texts.map((text) => plain(text))
  switch (kind) {
    case 'command':
      return commands(context.word, session)
    case 'option':
      return options(context)
    case 'topic':
      return words(
        ...(context.name === '.help' ? Object.keys(dotCommands) : []),
        ...Object.keys(TOPICS),
        ...Object.keys(program.commands),
      )
    case 'format':
      return words(...FORMAT_NAMES, ...(context.name === '.mode' ? ['auto'] : []))
    case 'nothing':
      return []
    default:
      return words(...kind)
  }
}

async function keys(
  store: Store,
  counter: PrefixCounter,
  word: string,
  signal: AbortSignal,
): Promise<Pick<Completion, 'candidates' | 'footer'>> {
  const { groups, more } = await keyGroups(store, counter, word, signal)
  const candidates = groups.map((group): Candidate => {
    const quoted = quoteWord(group.text)
    // The quote stays open while more of the key must follow.
    const text = group.whole ? quoted : quoted.replace(/'$/, '')
    return { text, label: keyLabel(group), note: group.whole ? '' : `(${group.count})`, final: group.whole }
  })
  return { candidates, footer: more ? 'and more' : '' }
}

/** What the word being typed may be. */
function kindOf(
  { name, command, option, word, ended, args }: LineContext,
  dotCommands: CompletionSession['dotCommands'],
): Kind {
  if (option !== undefined) return option.argChoices ?? kindOfName(/<([^>]*)>/.exec(option.flags)?.[1])
  if (name === undefined) return word.startsWith('-') ? 'option' : 'command'
  if (Object.hasOwn(dotCommands, name)) {
    const usage = dotCommands[name]!.usage.match(/[^<>[\] ]+/g) ?? []
    return kindOfName(usage[args.length])
  }
  if (command === undefined) return 'nothing'
  if (!ended && word.startsWith('-')) return 'option'
  if (!ended && name === 'get' && args.length > 0 && word.startsWith('.')) return 'field'
  const known = command.registeredArguments
  const last = known.at(-1)
  return kindOfName((known[args.length] ?? (last?.variadic === true ? last : undefined))?.name())
}

function kindOfName(name = ''): Kind {
  return KINDS[name.toLowerCase()] ?? 'nothing'
}

function plain(text: string, note = ''): Candidate {
  return { text, label: text, note, final: true }
}

function commands(word: string, { program, dotCommands }: CompletionSession): Candidate[] {
  return Object.entries(word.startsWith('.') ? dotCommands : program.commands)
    .filter(([name]) => name !== 'repl')
    .map(([name, { summary }]) => plain(name, summary))
}

function options({ options, given }: LineContext): Candidate[] {
  const left = options.filter(
    ({ long, short, hidden, variadic }) => !hidden && (variadic || !(given.has(long ?? '') || given.has(short ?? ''))),
  )
  return left.map(({ long, short, flags, description }) =>
    plain(long ?? short ?? '', `${/<[^>]*>/.exec(flags)?.[0] ?? ''} ${description}`.trim()),
  )
}

/** Files and folders whose path begins so. */
function files(word: string): Candidate[] {
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
      const quoted = path.startsWith('~/') ? `~/${quoteWord(path.slice(2))}` : quoteWord(path)
      const text = isFolder ? quoted.replace(/'$/, '') : quoted
      return { text, label: escapeLine(name), note: '', final: !isFolder }
    })
}
