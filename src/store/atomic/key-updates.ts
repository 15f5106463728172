import { pause, untilAborted } from '../../async.ts'
import { interrupted } from '../../errors.ts'
import type { Awaitable, Driver } from '../driver/driver.ts'
import type { Entry, Op } from '../driver/entry.ts'
import { unchanged } from '../conditional.ts'
import type { KeyInput } from '../input.ts'
import { keyId, putOf } from '../operations.ts'

/** What a function given to `update` returns to delete the key. */
export const DELETE: unique symbol = Symbol.for('kvfile.delete')

/** What an entry becomes. Without `expires` and `ttl` it expires when it did before; with `expires: null`, never. */
export interface Rewrite {
  readonly value: KeyInput
  readonly expires?: number | Date | null | undefined
  readonly ttl?: number | undefined
}

/** What becomes of an entry (`undefined`: not there); `undefined`: it is left as it is. May be called again. */
export type Change = (old: Entry | undefined) => Awaitable<Rewrite | typeof DELETE | undefined>

/** Writes that others may make between reading and writing before the lock of the store is taken for both. */
const LOST_BEFORE_LOCK = 2

/** The longest pause after a write of another process came between, in milliseconds. */
const LONGEST_PAUSE_MS = 64

interface Waiting {
  readonly change: Change
  readonly signal: AbortSignal | undefined
  resolve(entry: Entry | undefined): void
  reject(error: unknown): void
}

/** What an entry is, and the step that makes it so; none while nothing is to be written. */
interface State {
  readonly entry: Entry | undefined
  readonly op: Op | undefined
}

/**
 * Updates of single keys: the entry is read, changed, and written unless another write came between; then all that once
 * more. Those of one key wait for each other: what came while a write was under way shares the next, unless its change
 * takes a promise. So they need no more commits than there are updates, and each is durable when it settles.
 */
export class KeyUpdates {
  readonly #open: (signal?: AbortSignal) => Driver
  /** Of each key that is being updated, those that wait. */
  readonly #queues = new Map<string, Waiting[]>()

  /** @param open as `RangeAccess` takes it */
  constructor(open: (signal?: AbortSignal) => Driver) {
    this.#open = open
  }

  /** Resolves to what the entry of a key is then. Throws what `change` throws, and what a put throws. */
  update(key: Uint8Array, change: Change, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    const id = keyId(key)
    const queue = this.#queues.get(id)
    let waiting: Waiting
    const updated = new Promise<Entry | undefined>((resolve, reject) => {
      waiting = { change, signal, resolve, reject }
      if (queue !== undefined) return void queue.push(waiting)
      const own = [waiting]
      this.#queues.set(id, own)
      void this.#run(id, key, own)
    })
    if (queue === undefined || signal === undefined) return updated
    const leave = (): void => {
      const at = queue.indexOf(waiting)
      if (at < 0) return
      queue.splice(at, 1)
      waiting.reject(interrupted(signal, 'interrupted, nothing was done'))
    }
    signal.addEventListener('abort', leave)
    return updated.finally(() => signal.removeEventListener('abort', leave))
  }

  async #run(id: string, key: Uint8Array, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const group = new Group(key, queue.splice(0))
      try {
        await this.#write(key, group)
        group.settle()
      } catch (error) {
        group.reject(error)
      }
      queue.unshift(...group.rest)
    }
    this.#queues.delete(id)
  }

  async #write(key: Uint8Array, group: Group): Promise<void> {
    for (let lost = 0; ; lost++) {
      const { signal } = group
      const driver = this.#open(signal)
      if (lost > LOST_BEFORE_LOCK && driver.updateLocked !== undefined && !group.takesPromise) {
        await driver.updateLocked(key, (old) => group.changeNow(old, driver), { signal })
        return
      }
      const old = await driver.getEntry(key, { signal })
      const changed = group.change(old, driver)
      const op = changed instanceof Promise ? await changed : changed
      if (op === undefined || (await applied(driver, op, old, signal))) return
      await pause(Math.random() * Math.min(2 ** lost, LONGEST_PAUSE_MS), signal)
    }
  }
}

/** Updates of one key that share a write. */
class Group {
  readonly #key: Uint8Array
  #members: readonly Waiting[]
  #done: (() => void)[] = []
  /** Those that must wait for a write of their own. */
  rest: readonly Waiting[] = []
  /** Whether the change of the only member answers with a promise. */
  takesPromise = false

  constructor(key: Uint8Array, members: readonly Waiting[]) {
    this.#key = key
    this.#members = members
  }

  /** Stops a write of one member; one for several is for all of them. */
  get signal(): AbortSignal | undefined {
    return this.#members.length === 1 ? this.#members[0]!.signal : undefined
  }

  /** The step that all changes, one after another, come to; `undefined` when nothing is to be written. */
  change(old: Entry | undefined, driver: Driver): Awaitable<Op | undefined> {
    this.#done = []
    let state: State = { entry: old, op: undefined }
    for (const [at, member] of this.#members.entries()) {
      const from = state.entry
      try {
        const next = member.change(from)
        if (next instanceof Promise) {
          if (at > 0) {
            next.catch(() => {})
            this.#leave(at)
            break
          }
          this.#leave(1)
          this.takesPromise = true
          return this.#changeLater(member, next, state, driver)
        }
        state = this.#step(state, next, driver)
        const { entry } = state
        this.#done.push(() => member.resolve(entry))
      } catch (error) {
        this.#done.push(() => member.reject(error))
      }
    }
    return needed(state, old)
  }

  /** The same where a promise cannot be waited for: then nothing is written, and all members wait for another turn. */
  changeNow(old: Entry | undefined, driver: Driver): Op | undefined {
    const op = this.change(old, driver)
    if (!(op instanceof Promise)) return op
    op.catch(() => {})
    this.#leave(0)
    return undefined
  }

  /** After the write. */
  settle(): void {
    for (const done of this.#done) done()
  }

  /** When the write has failed. */
  reject(error: unknown): void {
    for (const member of this.#members) member.reject(error)
  }

  async #changeLater(
    member: Waiting,
    pending: Promise<Awaited<ReturnType<Change>>>,
    state: State,
    driver: Driver,
  ): Promise<Op | undefined> {
    const { entry, op } = this.#step(state, await untilAborted(pending, member.signal), driver)
    this.#done.push(() => member.resolve(entry))
    return needed({ entry, op }, state.entry)
  }

  #step(state: State, next: Awaited<ReturnType<Change>>, { limits }: Driver): State {
    if (next === undefined) return state
    const key = this.#key
    if (next === DELETE) return { entry: undefined, op: { type: 'del', key } }
    const { entry, op } = state
    const keeps = next.expires === undefined && next.ttl === undefined
    const { expires, ttl } = keeps ? (op?.type === 'put' ? op : { expires: entry?.expires }) : next
    const put = putOf(key, next.value, { expires: expires ?? undefined, ttl }, limits)
    return {
      // Copies: whoever reads them may change them.
      entry: {
        key: Buffer.from(key),
        value: Buffer.from(put.value),
        revision: entry?.revision ?? 0,
        expires: put.ttl === undefined ? put.expires : Date.now() + put.ttl,
      },
      op: put,
    }
  }

  /** Leaves all members from one on for another write. */
  #leave(from: number): void {
    this.rest = [...this.#members.slice(from), ...this.rest]
    this.#members = this.#members.slice(0, from)
    if (from === 0) this.#done = []
  }
}

/** The step of a state, unless it deletes what was not there. */
function needed({ op }: State, old: Entry | undefined): Op | undefined {
  return op?.type === 'del' && old === undefined ? undefined : op
}

/** Applies a step if the entry is still as it was read; tells whether it was. */
async function applied(
  driver: Driver,
  op: Op,
  old: Entry | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const condition = unchanged(old)
  if (op.type === 'del') return driver.del(op.key, { condition, signal })
  const { key, value, expires, ttl } = op
  return (await driver.put(key, value, { expires, ttl, condition, signal })).applied
}
