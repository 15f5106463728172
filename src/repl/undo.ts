import { KvError } from '../errors.ts'
import { displayKey } from '../output/escape.ts'
import type { BatchOp, Store } from '../store/store.ts'
import type { Entry } from '../store/driver.ts'

/** Keys that one command may change and still be undone. */
export const UNDO_KEYS = 10_000
/** Bytes of previous values kept for that. */
export const UNDO_BYTES = 32_000_000

/** How the command left a key. */
interface Change {
  readonly key: Uint8Array
  /** What was there before; `undefined`: nothing. */
  readonly before: Entry | undefined
  /** Revision of what is there now; `undefined`: nothing. */
  readonly after: number | undefined
}

/** The changes of one command, each key once. */
class Changes {
  readonly line: string
  readonly byKey = new Map<string, Change>()
  bytes = 0
  /** More than can be kept: nothing is. */
  full = false

  constructor(line: string) {
    this.line = line
  }
}

/**
 * What the newest command that wrote has changed, up to {@link UNDO_KEYS} keys and
 * {@link UNDO_BYTES}. The previous entries are read just before each write: when another process
 * writes the same key between the two, its entry is not known and not put back.
 */
export class UndoLog {
  #current: Changes | undefined
  #last: Changes | undefined

  /** A command begins. */
  begin(line: string): void {
    this.#current = new Changes(line)
  }

  /** The command is over; when it changed nothing, what the one before it changed stays undoable. */
  end(): void {
    if (this.#current !== undefined && (this.#current.byKey.size > 0 || this.#current.full)) this.#last = this.#current
    this.#current = undefined
  }

  /** Forgets everything. */
  clear(): void {
    this.#current = this.#last = undefined
  }

  /** Whether previous entries need not be read: nobody wants them, or there are too many already. */
  get closed(): boolean {
    return this.#current === undefined || this.#current.full
  }

  /** The command is about to change more than can be kept. */
  overflow(): void {
    if (this.#current === undefined) return
    this.#current.full = true
    this.#current.byKey.clear()
  }

  /** Keeps one change. Of several to a key, the first `before` and the last `after` count. */
  record(key: Uint8Array, before: Entry | undefined, after: number | undefined): void {
    const changes = this.#current
    if (changes === undefined || changes.full) return
    const id = Buffer.from(key).toString('latin1')
    const known = changes.byKey.get(id)
    changes.byKey.set(id, { key: new Uint8Array(key), before: known === undefined ? before : known.before, after })
    if (known === undefined) changes.bytes += key.length + (before?.value.length ?? 0)
    if (changes.byKey.size > UNDO_KEYS || changes.bytes > UNDO_BYTES) this.overflow()
  }

  /**
   * Puts back what the newest writing command changed; resolves to its line and how many keys that
   * were. Throws `KV_CONDITION` when there is nothing to undo, or when one of the keys has been
   * written again since: then nothing is put back.
   */
  async undo(store: Store): Promise<{ line: string; keys: number }> {
    const last = this.#last
    if (last === undefined) throw new KvError('KV_CONDITION', 'nothing to undo', { hint: 'only what a command of this session changed can be undone' })
    if (last.full) {
      throw new KvError('KV_CONDITION', `too much to undo: ${last.line}`, { hint: `commands that change up to ${UNDO_KEYS.toLocaleString('en')} keys and ${UNDO_BYTES / 1e6} MB can be undone` })
    }
    const changes = [...last.byKey.values()]
    const now = await store.getMany(changes.map(({ key }) => key))
    const other = changes.find(({ after }, i) => now[i]?.revision !== after)
    if (other !== undefined) {
      throw new KvError('KV_CONDITION', `not undone: ${displayKey(other.key)} was written again since: ${last.line}`)
    }
    await store.batch(changes.map(toOp))
    return { line: last.line, keys: changes.length }
  }
}

function toOp({ key, before }: Change): BatchOp {
  // What has expired meanwhile would not be there either.
  if (before === undefined || (before.expires !== undefined && before.expires <= Date.now())) return { type: 'del', key }
  return { type: 'put', key, value: before.value, expires: before.expires }
}
