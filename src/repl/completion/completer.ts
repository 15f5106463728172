import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { TOPICS } from '../../cli/topics.ts'
import { FORMAT_NAMES } from '../../formats/index.ts'
import { escapeLine } from '../../safe-text.ts'
import { KeyCompleter, keyLabel } from './key-completion.ts'
import { quoteWord } from '../../shell-quote.ts'
import { type CompletionSession, type LineContext, lineContext } from './line-context.ts'
import type { Candidate, Completion } from '../../terminal/menu.ts'
import type { PrefixCounter } from './prefix-counter.ts'

/** What a place of the line takes, by the names that arguments and values have in the help texts. */
export type Kind = 'command' | 'option' | 'key' | 'file' | 'topic' | 'format' | 'nothing' | readonly string[]

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

/** Completes commands, options, their values, files, and every key of the store. */
export class Completer {
  readonly #session: CompletionSession
  readonly #keys: KeyCompleter

  constructor(session: CompletionSession, counter: PrefixCounter) {
    this.#session = session
    this.#keys = new KeyCompleter(counter)
  }

  /** The ways to complete what is before the cursor. */
  async complete(text: string, cursor: number, signal?: AbortSignal): Promise<Completion> {
    const context = await lineContext(this.#session, text.slice(0, cursor))
    if (context === undefined) return { from: cursor, to: cursor, candidates: [], footer: '' }
    const found = await this.#candidates(context, signal)
    return { from: context.from, to: cursor, ...found }
  }

  async #candidates(
    context: LineContext,
    signal: AbortSignal | undefined,
  ): Promise<Pick<Completion, 'candidates' | 'footer'>> {
    const kind = kindOf(context, this.#session.dotCommands)
    const { word } = context
    const list = (candidates: Candidate[]): Pick<Completion, 'candidates' | 'footer'> => ({
      candidates: candidates.filter(({ text }) => text.startsWith(word)),
      footer: '',
    })
    if (kind === 'key') return this.#keyCandidates(word, signal)
    if (kind === 'file') return { candidates: files(word), footer: '' }
    if (kind === 'command') return list(commands(word, this.#session))
    if (kind === 'option') return list(options(context))
    if (kind === 'topic')
      return list(
        [
          ...(context.name === '.help' ? Object.keys(this.#session.dotCommands) : []),
          ...Object.keys(TOPICS),
          ...Object.keys(this.#session.program.commands),
        ].map((text) => plain(text)),
      )
    if (kind === 'format')
      return list([...FORMAT_NAMES, ...(context.name === '.mode' ? ['auto'] : [])].map((text) => plain(text)))
    return list(kind === 'nothing' ? [] : kind.map((text) => plain(text)))
  }

  async #keyCandidates(
    word: string,
    signal: AbortSignal | undefined,
  ): Promise<Pick<Completion, 'candidates' | 'footer'>> {
    const { groups, more } = await this.#keys.groups(await this.#session.store(), word, signal)
    const candidates = groups.map((group): Candidate => {
      const quoted = quoteWord(group.text)
      // The quote stays open while more of the key must follow.
      const text = group.whole ? quoted : quoted.replace(/'$/, '')
      return { text, label: keyLabel(group), note: group.whole ? '' : `(${group.count})`, final: group.whole }
    })
    return { candidates, footer: more ? 'and more' : '' }
  }
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
  let names: { name: string; folder: boolean }[]
  try {
    const path = folder.startsWith('~/') ? `${homedir()}${folder.slice(1)}` : folder
    names = readdirSync(path || '.', { withFileTypes: true }).map((entry) => ({
      name: entry.name,
      folder: entry.isDirectory(),
    }))
  } catch {
    return []
  }
  return names
    .filter(({ name }) => name.startsWith(start) && (start !== '' || !name.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, folder: isFolder }) => {
      const path = `${folder}${name}${isFolder ? '/' : ''}`
      // Within quotes a ~ would be no more than that.
      const quoted = path.startsWith('~/') ? `~/${quoteWord(path.slice(2))}` : quoteWord(path)
      return {
        text: isFolder ? quoted.replace(/'$/, '') : quoted,
        label: escapeLine(`${name}${isFolder ? '/' : ''}`),
        note: '',
        final: !isFolder,
      }
    })
}
