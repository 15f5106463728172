import { useColor } from '../../cli/environment.ts'
import { shortLocation } from '../../drivers/location.ts'
import { escapeLine } from '../../safe-text.ts'
import { cutToWidth } from '../../text-width.ts'
import type { History } from '../prompt/history.ts'
import { lexLine } from '../language/lexer.ts'
import { runScript } from './script.ts'
import { ScriptReader } from '../language/script-reader.ts'
import type { Session } from './session.ts'

/** A command that takes this long, in milliseconds, tells its time. */
const SLOW_MS = 500
/** Columns of the store's name in the prompt. */
const NAME_WIDTH = 24

/** Runs what the user entered: one command, or several lines of them. */
export async function evaluate(session: Session, history: History, text: string): Promise<void> {
  history.add(text)
  const name = isOneCommand(text) ? undefined : 'line'
  const code = await runScript(session, ScriptReader.of('line', text), { name })
  if (code !== 0) session.lastExit = code
  if (session.timer || session.time.ms >= SLOW_MS) session.io.stderr.write(`(${formatTime(session.time.ms)})\n`)
}

function isOneCommand(text: string): boolean {
  try {
    return lexLine(text).next >= text.trimEnd().length
  } catch {
    return !text.includes('\n')
  }
}

/** The prompt: the store's name, and the last exit code when that is not 0. */
export function prompt(session: Session): string {
  const { lastExit, globals } = session
  const name = cutToWidth(escapeLine(shortLocation(globals.store)), NAME_WIDTH)
  const color = useColor(session.io.stderr.isTTY, globals, session.io.env)
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  return `${paint('36', name)}${lastExit === 0 ? '' : ` ${paint('31', `[${lastExit}]`)}`}> `
}

function formatTime(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`
}

/** Whether the last command of a text still needs something, such as the end of a quote. */
export function unfinished(text: string): boolean {
  try {
    for (let at = 0; at < text.length;) {
      const line = lexLine(text, at)
      if (line.open !== undefined) return true
      at = line.next
    }
  } catch {
    // What cannot be read is told when it runs.
  }
  return false
}
