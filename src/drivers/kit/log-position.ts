import { KvError } from '../../errors.ts'
import { BEGINNING, notAPosition } from '../../store/watch.ts'

/** The position of each put within a snapshot but the last: no watch can continue in the middle of a snapshot. */
export const PARTIAL = 'partial'

/** A place in a log of changes. */
export interface LogPosition {
  /** The log's name: another log knows nothing of its positions. */
  readonly log: string
  /** How many changes came before. */
  readonly at: number
}

/** A name for a new log. */
export function newLogName(): string {
  return Array.from({ length: 12 }, () => Math.floor(Math.random() * 36).toString(36)).join('')
}

/** A position as watchers know it. */
export function formatPosition({ log, at }: LogPosition): string {
  return `${log}-${at}`
}

/** A place, `undefined` for the beginning. Throws `KV_USAGE` for no position, `KV_WATCH_GAP` for {@link PARTIAL}. */
export function parsePosition(text: string): LogPosition | undefined {
  if (text === BEGINNING) return undefined
  if (text === PARTIAL) throw watchGap('what was there had not come whole, and may have changed since')
  const [, log, at] = /^([a-z0-9]{1,64})-(\d{1,16})$/.exec(text) ?? []
  if (log === undefined || !Number.isSafeInteger(Number(at))) throw notAPosition()
  return { log, at: Number(at) }
}

/** For a watch that cannot go on without leaving something out. */
export function watchGap(why: string): KvError {
  return new KvError('KV_WATCH_GAP', why, { hint: 'read the store again, and watch from then on' })
}

/** The usual reason: the log has been trimmed, or is another one. */
export function changesGone(): KvError {
  return watchGap('changes since that position are no longer kept')
}
