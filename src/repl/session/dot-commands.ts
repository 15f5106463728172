import { LONGEST_TIMER_MS, pause } from '../../async.ts'
import { CODES, usageError } from '../../errors.ts'
import { parseDuration } from '../../duration.ts'
import { quoteWord } from '../../shell-quote.ts'
import { isTerminalPath } from '../../load/input-file.ts'
import { OUTPUT_FORMATS } from '../../formats/index.ts'
import { escapeLine, formatCount } from '../../safe-text.ts'
import { printDiff } from '../undo/diff.ts'
import { lexLine } from '../language/lexer.ts'
import { writeNewFile } from './saved-lines.ts'
import { runScriptFile } from './script.ts'
import { sessionHelp } from './help.ts'
import type { DotCommand } from './session.ts'
import { Snapshot } from '../undo/snapshot.ts'

/** The only list of the session's own commands. */
export const DOT_COMMANDS: Readonly<Record<string, DotCommand>> = {
  '.help': {
    usage: '[TOPIC]',
    summary: 'explain a command, or list those of the session',
    async run(session, [topic], io) {
      if (topic !== undefined) return session.run(lexLine(`help ${quoteWord(topic)}`), { save: false })
      io.stdout.write(sessionHelp(session.dotCommands))
    },
  },
  '.open': {
    usage: '<LOCATION>',
    summary: 'go on with another store',
    run: (session, words) => session.open(only(words, '.open', 'LOCATION')),
  },
  '.mode': {
    usage: '[FORMAT]',
    summary: 'form of the output, auto for the usual one',
    async run(session, words, io) {
      const [name] = words
      if (name === undefined)
        return io.stdout.write(`${session.globals.format ?? (session.globals.json ? 'jsonl' : 'auto')}\n`)
      only(words, '.mode', 'FORMAT')
      // Entries have no form of that name; bench takes it by its own --format.
      const format = OUTPUT_FORMATS.find((known) => known === name)
      if (format === undefined && name !== 'auto')
        throw usageError(`unknown format: ${name}`, `one of ${OUTPUT_FORMATS.join(' ')} auto`)
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
      const name = only(words, '.read', 'FILE')
      if (session.frontend.stdin.isTTY && isTerminalPath(name))
        throw usageError(`${name} is the terminal of this session`, 'type the commands, or paste them')
      return session.nesting.within(name, () => runScriptFile(session, name))
    },
  },
  '.save': {
    usage: '<FILE>',
    summary: 'write the commands that went well, as a script',
    async run(session, words, io) {
      const file = only(words, '.save', 'FILE')
      writeNewFile(file, session.saved.script())
      io.stderr.write(`saved ${formatCount(session.saved.count, 'command')} to ${escapeLine(file)}\n`)
    },
  },
  '.snapshot': {
    usage: '[OFF]',
    summary: 'keep a copy of the store as it is, for .diff',
    async run(session, [word], io) {
      if (word !== undefined && word !== 'off') throw usageError('.snapshot, or .snapshot off')
      // The one before stays until there is another.
      await session.keep(word === undefined ? await Snapshot.take(session, io) : undefined)
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
      const { line, keys } = await session.takeBack()
      io.stderr.write(`undone: ${line} (${formatCount(keys, 'key')})\n`)
    },
  },
  '.watch': {
    usage: '<SECONDS> <COMMAND>',
    summary: 'run a command again and again, until Ctrl-C',
    async run(session, [every, ...words]) {
      if (every === undefined || words.length === 0) throw usageError('.watch SECONDS COMMAND ...')
      session.frontend.allowsEndless()
      const ms = Math.min(parseDuration(every, 'time between two runs'), LONGEST_TIMER_MS)
      const command = lexLine(words.map(quoteWord).join(' '))
      const { signal } = session
      for (let first = true; !signal.aborted; first = false) {
        const code = await session.nesting.within('.watch', () => session.run(command, { save: first, isLive: true }))
        if (code !== 0) return code
        await pause(ms, signal)
      }
      return CODES.KV_INTERRUPTED.exit
    },
  },
  '.exit': {
    usage: '',
    summary: 'leave; so does Ctrl-D',
    async run(session, words) {
      if (words.length > 0) throw usageError('.exit takes no argument')
      session.ended = true
    },
  },
}

/** The one argument of a command. Throws `KV_USAGE` for none or more. */
function only(words: readonly string[], name: string, argument: string): string {
  if (words.length === 0) throw usageError(`${name} needs a ${argument}`, `write ${name} ${argument}`)
  if (words.length > 1)
    throw usageError(
      `${name} takes one ${argument}, not ${words.length}`,
      `what holds blanks needs quotes: ${name} ${quoteWord(words.join(' '))}`,
    )
  return words[0]!
}
