import type { Option } from 'commander'
import { TOPICS } from '../cli/topics.ts'
import { FORMAT_NAMES } from '../formats/index.ts'
import { escapeLine } from '../safe-text.ts'
import type { Store } from '../store/store.ts'
import { fieldNames } from './field-names.ts'
import { type KeyCounter, type KeyGroup, keyGroups, keyLabel } from './key-groups.ts'
import { type CompletionHost, type TypedLine, optionOf } from './typed-line.ts'

/** One way to complete a word. */
export interface Suggestion {
  /** What the whole word is then, as the program gets it: not quoted. */
  readonly text: string
  /** What the user sees, safe for the terminal. */
  readonly label: string
  /** Shown beside it: a count, a summary. */
  readonly note: string
  /** Whether the word ends there; else more of it must follow. */
  readonly final: boolean
}

/** What the word being typed may become. */
export interface Suggestions {
  /** The name of a file: whoever asks completes it. */
  readonly isFile: boolean
  /** What stands in the word before what is completed: `--store=`. */
  readonly before: string
  readonly list: readonly Suggestion[]
  /** Whether there are more than these. */
  readonly more: boolean
}

/** The keys of a store, and how to count them for a note. */
export interface Keys {
  store(): Promise<Store>
  readonly counter: KeyCounter
}

/** What a place of the line takes, by the names that arguments and values have in the help texts. */
type Kind = 'command' | 'option' | 'key' | 'field' | 'file' | 'topic' | 'format' | 'nothing' | readonly string[]

const KINDS: Readonly<Record<string, Kind>> = {
  key: 'key',
  prefix: 'key',
  start: 'key',
  end: 'key',
  old: 'key',
  new: 'key',
  NAME: 'key',
  file: 'file',
  script: 'file',
  report: 'file',
  location: 'file',
  src: 'file',
  dest: 'file',
  dst: 'file',
  CMD: 'file',
  topic: 'topic',
  format: 'format',
  off: ['off'],
  'on|off': ['on', 'off'],
  command: 'command',
}

/**
 * What the word being typed may become: commands, options, their values, files, and every key of the store. Throws what
 * opening and reading the store throws.
 */
export async function suggest(
  host: CompletionHost,
  typed: TypedLine,
  keys: Keys,
  signal: AbortSignal,
): Promise<Suggestions> {
  const { line, before } = valueOfOption(typed)
  const kind = kindOf(line, host.dotCommands)
  const found = { isFile: kind === 'file', before, list: [], more: false }
  if (kind === 'file') return found
  if (kind === 'key') {
    // An encoded key has no parts that its text would show.
    if (line.given.has('--key-encoding')) return found
    const { groups, more } = await keyGroups(await keys.store(), keys.counter, line.word, signal)
    // One that begins with a dash would be an option there.
    const isArgument = line.option === undefined && !line.ended
    const fitting = groups.filter(({ text }) => !(isArgument && text.startsWith('-')))
    return { ...found, list: fitting.map((group) => suggestionOf(group, before)), more }
  }
  if (kind === 'field') {
    const names = await fieldNames(await keys.store(), line.args[0]!, line.word, signal)
    // A name may lead on to others.
    return { ...found, list: names.map((name) => ({ ...plain(name), label: escapeLine(name), final: false })) }
  }
  const list = suggestionsOf(kind, line, host).filter(({ text }) => text.startsWith(line.word))
  return { ...found, list: before === '' ? list : list.map((each) => ({ ...each, text: before + each.text })) }
}

/** The line as if the value of `--name=value`, where that is typed, stood in a word of its own. */
function valueOfOption(typed: TypedLine): { line: TypedLine; before: string } {
  const [before = '', name = ''] = (!typed.ended && typed.option === undefined && /^(--[^=]+)=/.exec(typed.word)) || []
  const option = optionOf(typed.options, name)
  if (option?.required !== true) return { line: typed, before: '' }
  return { line: { ...typed, option, word: typed.word.slice(before.length) }, before }
}

function suggestionsOf(
  kind: Exclude<Kind, 'key' | 'field' | 'file'>,
  line: TypedLine,
  { program, dotCommands }: CompletionHost,
): Suggestion[] {
  const words = (...texts: readonly string[]): Suggestion[] => texts.map((text) => plain(text))
  switch (kind) {
    case 'command':
      return Object.entries(line.word.startsWith('.') ? dotCommands : program.commands).map(([name, { summary }]) =>
        plain(name, summary),
      )
    case 'option':
      return options(line)
    case 'topic':
      return words(
        ...(line.name === '.help' ? Object.keys(dotCommands) : []),
        ...Object.keys(TOPICS),
        ...Object.keys(program.commands),
      )
    case 'format':
      return words(...FORMAT_NAMES, ...(line.name === '.mode' ? ['auto'] : []))
    case 'nothing':
      return []
    default:
      return words(...kind)
  }
}

function suggestionOf(group: KeyGroup, before: string): Suggestion {
  const { text, whole, count } = group
  return { text: before + text, label: keyLabel(group), note: whole || count === '' ? '' : `(${count})`, final: whole }
}

/** What the word being typed may be. */
function kindOf(
  { name, command, option, word, ended, args }: TypedLine,
  dotCommands: CompletionHost['dotCommands'],
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
  const argument = known[args.length] ?? (last?.variadic === true ? last : undefined)
  return argument?.argChoices ?? kindOfName(argument?.name())
}

function kindOfName(name = ''): Kind {
  return KINDS[name] ?? KINDS[name.toLowerCase()] ?? 'nothing'
}

function plain(text: string, note = ''): Suggestion {
  return { text, label: text, note, final: true }
}

/** The options that can still be given; of the two names of one the long one, unless the short one is typed. */
function options({ options: all, given, word }: TypedLine): Suggestion[] {
  const left = all.filter(
    ({ long, short, hidden, variadic }) => !hidden && (variadic || !(given.has(long ?? '') || given.has(short ?? ''))),
  )
  return left.map(({ long, short, flags, description }: Option) =>
    plain((word === short ? short : long) ?? short ?? '', `${/<[^>]*>/.exec(flags)?.[0] ?? ''} ${description}`.trim()),
  )
}
