import { setImmediate as turn } from 'node:timers/promises'
import { compareBytes, utf8 } from '../bytes.ts'
import { KvError } from '../errors.ts'
import type { Io } from '../io.ts'
import { displayKey } from '../output/escape.ts'
import type { Entry } from '../store/driver.ts'
import type { Session } from './session.ts'

/** Keys a snapshot can remember. */
const MAX_KEYS = 1_000_000

/** The keys of a store at one moment and the revision of each, in key order. */
export interface Snapshot {
  readonly keys: readonly Uint8Array[]
  readonly revisions: readonly number[]
}

/**
 * Remembers keys and revisions in memory, at one moment where the store can. No view of the store
 * is held open for it, so that the file does not grow for a forgotten snapshot. Throws `KV_USAGE`
 * above a million keys.
 */
export async function takeSnapshot(session: Session, io: Io, off: boolean): Promise<void> {
  session.snapshot = undefined
  if (off) return
  const keys: Uint8Array[] = []
  const revisions: number[] = []
  for await (const { key, revision } of entries(session, undefined)) {
    if (keys.length === MAX_KEYS) throw new KvError('KV_USAGE', `the store has more than ${MAX_KEYS.toLocaleString('en')} keys, too many to remember`)
    keys.push(key)
    revisions.push(revision)
  }
  session.snapshot = { keys, revisions }
  io.stderr.write(`remembered ${keys.length.toLocaleString('en')} ${keys.length === 1 ? 'key' : 'keys'}; .diff shows what changes from now on\n`)
}

/** Prints what has changed since the snapshot, a key a line: `+` is new, `~` was written again, `-` is gone. Throws `KV_CONDITION` without a snapshot. */
export async function printDiff(session: Session, io: Io, prefix: string | undefined): Promise<void> {
  const { snapshot } = session
  if (snapshot === undefined) throw new KvError('KV_CONDITION', 'no snapshot to compare with', { hint: 'take one with .snapshot' })
  const counts = { '+': 0, '~': 0, '-': 0 }
  const start = utf8(prefix ?? '')
  const line = (sign: keyof typeof counts, key: Uint8Array): void => {
    if (compareBytes(key.subarray(0, start.length), start) !== 0) return
    counts[sign]++
    io.stdout.write(`${sign} ${displayKey(key)}\n`)
  }
  let at = 0
  for await (const { key, revision } of entries(session, prefix)) {
    for (; at < snapshot.keys.length && compareBytes(snapshot.keys[at]!, key) < 0; at++) line('-', snapshot.keys[at]!)
    if (at < snapshot.keys.length && compareBytes(snapshot.keys[at]!, key) === 0) {
      if (snapshot.revisions[at] !== revision) line('~', key)
      at++
    } else line('+', key)
  }
  for (; at < snapshot.keys.length; at++) line('-', snapshot.keys[at]!)
  io.stderr.write(`${counts['+'].toLocaleString('en')} new, ${counts['~'].toLocaleString('en')} written again, ${counts['-'].toLocaleString('en')} gone\n`)
}

async function* entries(session: Session, prefix: string | undefined): AsyncGenerator<Entry, void, void> {
  const { signal } = session
  for await (const page of (await session.store()).rangePages({ prefix, keysOnly: true })) {
    yield* page
    await turn()
    if (signal.aborted) throw new KvError('KV_INTERRUPTED', 'interrupted')
  }
}
