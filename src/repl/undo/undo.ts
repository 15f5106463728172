import { KvError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import { keyId } from '../../store/operations.ts'
import type { Store } from '../../store/store.ts'
import type { BatchOp } from '../../store/write-options.ts'
import type { Entry } from '../../store/driver/entry.ts'

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
interface Changes {
  readonly id: number
  readonly line: string
  readonly byKey: Map<string, Change>
  bytes: number
  wrote: boolean
  /** Whether it has deleted a key that was not there before it put it. */
  tookBack: boolean
  /** Why what it wrote cannot be undone: then nothing is kept. */
  refusal: { readonly message: string; readonly hint?: string | undefined } | undefined
  /** Which file the changes were made in, as the session tells it. */
  identity: string | undefined
}

/** What {@link UndoLog.undo} has put back. */
export interface Undone {
  readonly id: number
  readonly line: string
  readonly keys: number
}

/**
 * What the newest command that wrote has changed, up to {@link UNDO_KEYS} and {@link UNDO_BYTES}. Entries are read just
 * before they are written: what another process writes between the two is not known and not put back.
 */
export class UndoLog {
  #current: Changes | undefined
  #last: Changes | undefined

  /** A command begins. With `refusal`, that is why what it writes cannot be undone. */
  begin(id: number, line: string, refusal?: string): void {
    this.#current = {
      id,
      line,
      byKey: new Map(),
      bytes: 0,
      wrote: false,
      tookBack: false,
      refusal: undefined,
      identity: undefined,
    }
    if (refusal !== undefined) this.refuse(refusal)
  }

  /**
   * The command is over. When it wrote nothing, or has deleted all that it put, as `kv lock` does, what the one before it
   * changed stays undoable.
   */
  end(): void {
    const changes = this.#current
    this.#current = undefined
    if (changes?.wrote !== true) return
    const isNothing = changes.tookBack && changes.byKey.size === 0 && changes.refusal === undefined
    if (!isNothing) this.#last = changes
  }

  /** Forgets everything. */
  clear(): void {
    this.#current = this.#last = undefined
  }

  /** Whether previous entries need not be read: nobody wants them, or the command cannot be undone anyhow. */
  get closed(): boolean {
    return this.#current === undefined || this.#current.refusal !== undefined
  }

  /** The command is about to change more than can be kept. */
  overflow(): void {
    this.refuse(
      'too much to undo',
      `commands that change up to ${UNDO_KEYS.toLocaleString('en')} keys and ${UNDO_BYTES / 1e6} MB can be undone`,
    )
  }

  /** What the command is about to write, or has written, cannot be put back. */
  refuse(message: string, hint?: string): void {
    const changes = this.#current
    if (changes === undefined) return
    changes.refusal ??= { message, hint }
    changes.byKey.clear()
  }

  /** The command has written, in the file of this identity. */
  wrote(identity: string | undefined): void {
    if (this.#current === undefined) return
    this.#current.wrote = true
    this.#current.identity = identity
  }

  /** Keeps the delete of one entry; where the command had put that itself, and nothing was there before, neither. */
  recordDelete(key: Uint8Array, before: Entry | undefined): void {
    const changes = this.#current
    const known = changes?.byKey.get(keyId(key))
    if (changes === undefined || known === undefined || known.before !== undefined)
      return this.record(key, before, undefined)
    changes.byKey.delete(keyId(key))
    changes.tookBack = true
  }

  /** Keeps one change. Of several to a key, the first `before` and the last `after` count. */
  record(key: Uint8Array, before: Entry | undefined, after: number | undefined): void {
    const changes = this.#current
    if (changes === undefined || changes.refusal !== undefined) return
    const id = keyId(key)
    const known = changes.byKey.get(id)
    changes.byKey.set(id, { key: new Uint8Array(key), before: known === undefined ? before : known.before, after })
    if (known === undefined) changes.bytes += key.length + (before?.value.length ?? 0)
    if (changes.byKey.size > UNDO_KEYS || changes.bytes > UNDO_BYTES) this.overflow()
  }

  /**
   * Puts back what the newest writing command changed, all or nothing. Throws `KV_NOT_UNDONE` when that cannot be, or
   * when one of the keys has been written again since, or the file replaced.
   * @param identity of the file that `store` works on now
   */
  async undo(store: Store, identity: () => string | undefined, signal: AbortSignal): Promise<Undone> {
    const last = this.#last
    if (last === undefined)
      throw new KvError('KV_NOT_UNDONE', 'nothing to undo', {
        hint: 'only what a command of this session changed can be undone',
      })
    const { line, refusal } = last
    if (refusal !== undefined) throw new KvError('KV_NOT_UNDONE', `${refusal.message}: ${line}`, { hint: refusal.hint })
    // Whoever undoes the undoing has the command done again.
    this.begin(last.id, '.undo')
    try {
      return { id: last.id, line, keys: await this.#putBack(last, store, identity, signal) }
    } finally {
      this.end()
    }
  }

  async #putBack(
    { byKey, line, identity: there }: Changes,
    store: Store,
    identity: () => string | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const changes = [...byKey.values()]
    const now = await store.getMany(
      changes.map(({ key }) => key),
      { signal },
    )
    if (identity() !== there) throw new KvError('KV_NOT_UNDONE', `not undone: the file was replaced since: ${line}`)
    const other = changes.findIndex(({ after }, i) => now[i]?.revision !== after)
    if (other >= 0) {
      const what = now[other] === undefined ? 'is gone' : 'was written again'
      throw new KvError('KV_NOT_UNDONE', `not undone: ${displayKey(changes[other]!.key)} ${what} since: ${line}`)
    }
    await store.batch(changes.map(toOp), { signal })
    return changes.length
  }
}

function toOp({ key, before }: Change): BatchOp {
  // What has expired meanwhile would not be there either.
  if (before === undefined || (before.expires !== undefined && before.expires <= Date.now()))
    return { type: 'del', key }
  return { type: 'put', key, value: before.value, expires: before.expires }
}
