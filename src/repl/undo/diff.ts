import { isUtf8 } from 'node:buffer'
import { Chalk } from 'chalk'
import stringWidth from 'string-width'
import { asBuffer, characterStart } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import type { Io } from '../../io.ts'
import { useColor } from '../../cli/environment.ts'
import { displayKey, escapeLine, formatBytes } from '../../safe-text.ts'
import { type Difference, type SnapshotSession, differences } from './snapshot.ts'

/** Characters shown before the first that differs. */
const LEAD = 12
/** Columns that a value gets, however narrow the terminal is. */
const MIN_WIDTH = 12
/** Bytes looked at of a value that is cut, around what differs: more than any line of a terminal shows. */
const WINDOW = 1 << 14

/**
 * Prints what has changed since the snapshot, a key a line: `+` new, `~` changed, `-` gone, with the values. On a
 * terminal these are cut to the line, around their first difference. Throws `KV_USAGE` without a snapshot.
 */
export async function printDiff(session: SnapshotSession, io: Io, prefix: string | undefined): Promise<void> {
  const { snapshot } = session
  if (snapshot === undefined) throw usageError('no snapshot to compare with', 'take one with .snapshot')
  const chalk = new Chalk({ level: useColor(io.stdout.isTTY, session.globals, io.env) ? 1 : 0 })
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
  const [added, changed, gone] = Object.values(counts).map((count) => count.toLocaleString('en'))
  io.stderr.write(`${added} new, ${changed} changed, ${gone} gone\n`)
}

/** The value that came or went, or both with an arrow between them; the expiry where only that differs. */
function change({ before, after }: Difference, room: number): string {
  if (before === undefined || after === undefined) return cut(shown((before ?? after)!.value, 0, room), 0, room)
  const differs = firstDifference(before.value, after.value)
  if (differs === before.value.length && differs === after.value.length && before.expires !== after.expires)
    return `expires ${time(before.expires)} → ${time(after.expires)}`
  const [old, fresh] = [shown(before.value, differs, room), shown(after.value, differs, room)]
  let same = 0
  while (same < old.length && old[same] === fresh[same]) same++
  const each = Math.max(MIN_WIDTH, Math.floor((room - 3) / 2))
  return `${cut(old, same, each)} → ${cut(fresh, same, each)}`
}

/** The offset of the first byte that differs; the length of the shorter one when the longer begins with it. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  let at = 0
  while (at < end && a[at] === b[at]) at++
  return at
}

/** The text of a value: where it will be cut, what stands around an offset. */
function shown(value: Uint8Array, around: number, room: number): string {
  if (!isUtf8(value)) return `(binary, ${formatBytes(value.length)})`
  const near = (offset: number): number => characterStart(value, Math.min(Math.max(0, offset), value.length))
  const from = room === Infinity ? 0 : near(around - WINDOW / 2)
  const to = room === Infinity ? value.length : near(around + WINDOW / 2)
  return (from > 0 ? '…' : '') + escapeLine(asBuffer(value.subarray(from, to)).toString())
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
