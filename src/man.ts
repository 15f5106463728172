import type { Command, Option } from 'commander'
import { Context } from './cli/context.ts'
import { createProgram } from './cli/program.ts'
import { TOPICS } from './cli/topics.ts'
import { COMMANDS } from './commands/index.ts'
import type { Io } from './io.ts'

/** Sections whose names are those of all manual pages, in the order that these have. */
const LAST: readonly (readonly [topic: string, section: string])[] = [
  ['environment', 'ENVIRONMENT'],
  ['exit-codes', 'EXIT STATUS'],
]

/** Sections that are not called as their topic: `mandoc -Tlint` takes CARE for a mistyped NAME. */
const SECTIONS: Readonly<Record<string, string>> = { care: 'CARE OF A STORE' }

/** Columns of a line of the source; longer ones are broken. */
const COLUMNS = 76

/** The manual page kv(1), in mdoc, of what `--help` and `kv help TOPIC` say. The build writes it. */
export async function manualPage(date: Date): Promise<string> {
  let written = ''
  const sink = { isTTY: false, columns: () => 80, write: (text: string | Uint8Array) => void (written += String(text)) }
  const stdin = { isTTY: false, fd: -1, readAll: () => new Uint8Array() }
  const stream = (): never => {
    throw new Error('nothing draws here')
  }
  const io: Io = { stdin, stdout: { ...sink, stream }, stderr: { ...sink, stream }, env: {} }
  const ctx = new Context(io, createProgram(COMMANDS))
  /** What stands behind the options in the help of a command. */
  const appendix = (command: Command): string => {
    written = ''
    command.outputHelp()
    return written.replace(command.helpInformation(), '').replace(/\nOptions of every command.*\n$/, '')
  }
  const overview = await ctx.program.build(ctx, [])
  const commands: string[] = []
  for (const name of Object.keys(ctx.program.commands)) {
    const program = await ctx.program.build(ctx, [name])
    const command = program.commands.find((each) => each.name() === name)!
    commands.push(commandText(command), literal(appendix(command)))
  }
  const middle = Object.keys(TOPICS).filter((topic) => !LAST.some(([name]) => name === topic))
  const topics = [...middle.map((topic) => [topic, SECTIONS[topic] ?? topic.toUpperCase()] as const), ...LAST]
  return [
    `.Dd ${date.toLocaleDateString('en', { month: 'long', day: 'numeric', year: 'numeric', timeZone: 'UTC' })}`,
    '.Dt KV 1',
    '.Os',
    '.Sh NAME',
    '.Nm kv',
    '.Nd an ordered key-value store for the shell',
    '.Sh SYNOPSIS',
    '.Nm kv',
    '.Op Ar options',
    '.Ar COMMAND ...',
    '.Sh DESCRIPTION',
    running(overview.description()),
    literal(appendix(overview)),
    '.Sh OPTIONS',
    'These stand before or after any command.',
    list(optionsOf(overview)),
    '.Sh COMMANDS',
    ...commands,
    ...topics.flatMap(([topic, section]) => [`.Sh ${section}`, literal(TOPICS[topic]!.trim())]),
  ]
    .filter((part) => part !== '')
    .join('\n')
    .concat('\n')
}

function commandText(command: Command): string {
  const help = command.createHelp()
  const args = help.visibleArguments(command).map((each) => [`.It Ar ${each.name()}`, each.description] as const)
  const name = `kv ${command.name()}`
  return [
    `.Ss ${escaped(name)}`,
    literal(`${name} ${command.usage()}`),
    '.Pp',
    running(command.description()),
    list([...args, ...optionsOf(command)]),
  ].join('\n')
}

type Item = readonly [head: string, text: string]

function optionsOf(command: Command): Item[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map((option: Option) => {
      const flags = option.flags.split(/, | (?=<)/).map((part) => {
        const [, dash = '', name = ''] = /^(?:-(-?)|<)([^>]*)>?$/.exec(part)!
        return part.startsWith('<') ? `Ar ${escaped(name)}` : `Fl ${escaped(dash + name)}`
      })
      return [`.It ${flags.join(' , ').replaceAll(' , Ar', ' Ar')}`, option.description]
    })
}

function list(items: readonly Item[]): string {
  return ['.Bl -tag -width Ds', ...items.flatMap(([head, text]) => [head, running(text)]), '.El'].join('\n')
}

/** Running text: a sentence begins a line, as the formatter wants it. */
function running(text: string): string {
  return text
    .replaceAll(/([.:]) (?=[A-Z])/g, '$1\n')
    .split('\n')
    .flatMap((line) => escaped(line).match(new RegExp(`.{1,${COLUMNS}}(?= |$)|\\S+`, 'g')) ?? [])
    .map((line) => guarded(line.trim()))
    .join('\n')
}

/** Text whose lines stay as they are. */
function literal(text: string): string {
  const lines = text.replaceAll(/^\n+|\s+$/g, '').split('\n')
  if (lines.join('') === '') return ''
  const broken = lines.map((line) => guarded(escaped(line).replaceAll(/(?:\\e|\\-|\\\[.*?\]|.){60}(?=.)/g, '$&\\\n')))
  return ['.Bd -literal', ...broken, '.Ed'].join('\n')
}

/** What is no text for the formatter becomes text. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(
      /[^\n\u0020-\u007e]/gu,
      (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
}

/** A line that begins like a request is none; an empty one is kept. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line
}
