import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { COMMANDS } from '../commands/index.ts'
import { TOPICS } from '../commands/topics.ts'
import { KvError, usageError } from '../errors.ts'
import { parseDuration } from '../duration.ts'
import type { Io } from '../io.ts'
import { quoteWord } from '../shell-quote.ts'
import { FORMATS } from '../options.ts'
import { printDiff } from './diff.ts'
import { lexLine } from './lexer.ts'
import { readScript, runScript } from './script.ts'
import { helpOn, sessionHelp } from './session-help.ts'
import type { Session } from './session.ts'
import { Snapshot } from './snapshot.ts'

/** A command of the session itself. */
export interface DotCommand {
  /** Its arguments, for help and hints; a word in the manner of commander: `<file>`, `[topic]`. */
  readonly usage: string
  readonly summary: string
  /** Runs it; resolves to an exit code when that is not 0. */
  run(session: Session, words: readonly string[], io: Io): Promise<number | void>
}

/** The only list of the session's own commands. */
export const DOT_COMMANDS = {
  '.help': {
    usage: '[TOPIC]',
    summary: 'explain a command, or list those of the session',
    run: (session, [topic], io) => help(session, topic, io),
  },
  '.open': {
    usage: '<LOCATION>',
    summary: 'go on with another store',
    run: (session, words) => session.open(only(words, '.open LOCATION')),
  },
  '.mode': {
    usage: '[FORMAT]',
    summary: 'form of the output, auto for the usual one',
    async run(session, words, io) {
      const [name] = words
      if (name === undefined) return io.stdout.write(`${session.globals.format ?? (session.globals.json ? 'jsonl' : 'auto')}\n`)
      const format = FORMATS.find((known) => known === only(words, '.mode FORMAT'))
      if (format === undefined && name !== 'auto') throw usageError(`unknown format: ${name}`, `one of ${FORMATS.join(' ')} auto`)
      session.setFormat(format)
    },
  },
  '.timer': {
    usage: '[ON|OFF]',
    summary: 'show the time of every command',
    async run(session, [word], io) {
      if (word !== undefined && word !== 'on' && word !== 'off') throw usageError(`on or off, not ${word}`)
      session.timer = word === undefined ? !session.timer : word === 'on'
      if (word === undefined) io.stderr.write(`timer ${session.timer ? 'on' : 'off'}\n`)
    },
  },
  '.read': {
    usage: '<FILE>',
    summary: 'run the commands of a file',
    run(session, words) {
      const name = only(words, '.read FILE')
      return session.nested(name, () => runScript(session, readScript(name), { name, keepGoing: false }))
    },
  },
  '.save': {
    usage: '<FILE>',
    summary: 'write the commands that went well, as a script',
    async run(session, words, io) {
      const file = only(words, '.save FILE')
      try {
        writeFileSync(file, session.good.map((line) => `${line}\n`).join(''), { flag: 'wx', mode: 0o600 })
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException
        throw new KvError('KV_USAGE', `cannot write ${file}: ${code === 'EEXIST' ? 'it is there already' : message}`, { cause })
      }
      io.stderr.write(`saved ${session.good.length} ${session.good.length === 1 ? 'command' : 'commands'} to ${file}\n`)
    },
  },
  '.snapshot': {
    usage: '[OFF]',
    summary: 'keep a copy of the store as it is, for .diff',
    async run(session, [word], io) {
      if (word !== undefined && word !== 'off') throw usageError('.snapshot, or .snapshot off')
      await session.keep(undefined)
      if (word === undefined) await session.keep(await Snapshot.take(session, io))
    },
  },
  '.diff': {
    usage: '[PREFIX]',
    summary: 'what has changed since .snapshot, by whomever',
    run: (session, [prefix], io) => printDiff(session, io, prefix),
  },
  '.undo': {
    usage: '',
    summary: 'put back what the last writing command changed',
    async run(session, words, io) {
      if (words.length > 0) throw usageError('.undo takes no argument')
      const store = await session.store()
      session.undo.begin('.undo')
      try {
        const { line, keys } = await session.undo.undo(store)
        io.stderr.write(`undone: ${line} (${keys.toLocaleString('en')} ${keys === 1 ? 'key' : 'keys'})\n`)
      } finally {
        session.undo.end()
      }
    },
  },
  '.watch': {
    usage: '<SECONDS> <COMMAND>',
    summary: 'run a command again and again, until Ctrl-C',
    async run(session, [every, ...words]) {
      if (every === undefined || words.length === 0) throw usageError('.watch SECONDS COMMAND ...')
      const ms = parseDuration(every, 'time between two runs')
      const command = lexLine(words.map(quoteWord).join(' '))
      const { signal } = session
      while (!signal.aborted) {
        const code = await session.nested('.watch', () => session.run(command))
        if (code !== 0) return code
        await sleep(ms, undefined, { signal }).catch(() => {})
      }
    },
  },
  '.exit': {
    usage: '',
    summary: 'leave; so does Ctrl-D',
    async run(session) {
      session.ended = true
    },
  },
} satisfies Record<string, DotCommand>

async function help(session: Session, topic: string | undefined, io: Io): Promise<number | void> {
  const dots: Readonly<Record<string, DotCommand>> = DOT_COMMANDS
  if (topic === undefined) return io.stdout.write(sessionHelp(dots))
  const isShell = Object.hasOwn(COMMANDS, topic) || Object.hasOwn(TOPICS, topic)
  const name = topic.startsWith('.') || isShell ? topic : `.${topic}`
  if (Object.hasOwn(dots, name)) return io.stdout.write(helpOn(name, dots[name]!))
  return session.run(lexLine(`help ${quoteWord(topic)}`))
}

function only(words: readonly string[], usage: string): string {
  if (words.length !== 1) throw usageError(usage)
  return words[0]!
}
