import { Chalk } from 'chalk'
import stringWidth from 'string-width'
import { decodeUtf8 } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { Io } from '../io.ts'
import { useColor } from '../options.ts'
import { displayKey, escapeLine, formatBytes } from '../output/escape.ts'
import type { Session } from './session.ts'
import { type Difference, differences } from './snapshot.ts'

/** Characters shown before the first that differs. */
const LEAD = 12
/** Columns that a value gets, however narrow the terminal is. */
const MIN_WIDTH = 12

/**
 * Prints what has changed since the snapshot, a key a line: `+` is new, `~` was changed, `-` is
 * gone, with the values before and after. Into a terminal the values are cut to the line, around
 * their first difference; elsewhere they are whole. Throws `KV_CONDITION` without a snapshot.
 */
export async function printDiff(session: Session, io: Io, prefix: string | undefined): Promise<void> {
  const { snapshot } = session
  if (snapshot === undefined) throw new KvError('KV_CONDITION', 'no snapshot to compare with', { hint: 'take one with .snapshot' })
  const chalk = new Chalk({ level: useColor(io.stdout.isTTY, session.globals, session.env) ? 1 : 0 })
  const paint = { '+': chalk.green, '~': chalk.yellow, '-': chalk.red }
  const counts = { '+': 0, '~': 0, '-': 0 }
  for await (const difference of differences(session, snapshot, prefix)) {
    const sign = difference.before === undefined ? '+' : difference.after === undefined ? '-' : '~'
    counts[sign]++
    const key = displayKey(difference.key)
    const room = io.stdout.isTTY ? Math.max(MIN_WIDTH, io.stdout.columns() - stringWidth(key) - 4) : Infinity
    io.stdout.write(`${paint[sign](sign)} ${key}  ${change(difference, room)}\n`)
    await io.stdout.drained?.()
  }
  io.stderr.write(`${counts['+'].toLocaleString('en')} new, ${counts['~'].toLocaleString('en')} changed, ${counts['-'].toLocaleString('en')} gone\n`)
}

/** The value that came or went, or both with an arrow between them; the expiry where only that differs. */
function change({ before, after }: Difference, room: number): string {
  if (before === undefined || after === undefined) return cut(shown((before ?? after)!.value), 0, room)
  const [old, fresh] = [shown(before.value), shown(after.value)]
  if (old === fresh && before.expires !== after.expires) return `expires ${time(before.expires)} → ${time(after.expires)}`
  let same = 0
  while (same < old.length && old[same] === fresh[same]) same++
  const each = Math.max(MIN_WIDTH, Math.floor((room - 3) / 2))
  return `${cut(old, same, each)} → ${cut(fresh, same, each)}`
}

function shown(value: Uint8Array): string {
  const text = decodeUtf8(value)
  return text === undefined ? `(binary, ${formatBytes(value.length)})` : escapeLine(text)
}

/** A part of a text that fits and has the character at `around` in it. */
function cut(text: string, around: number, width: number): string {
  if (stringWidth(text) <= width) return text
  const from = Math.max(0, Math.min(around - LEAD, text.length - width))
  let part = from > 0 ? '…' : ''
  for (const char of text.slice(from)) {
    if (stringWidth(part + char) >= width) return `${part}…`
    part += char
  }
  return part
}

function time(expires: number | undefined): string {
  return expires === undefined ? 'never' : new Date(expires).toISOString()
}
