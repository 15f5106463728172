import { setTimeout as sleep } from 'node:timers/promises'
import { asBuffer } from '../../bytes.ts'
import { KvError, interrupted } from '../../errors.ts'
import { fromBody, parseBody } from '../../protocol/errors.ts'
import type { Changes } from '../../store/driver.ts'
import type { Change } from '../../store/entry.ts'
import { changeOf } from '../../formats/json/change-reader.ts'
import type { Hold } from './hold.ts'
import { type ServerEvent, serverEvents } from '../../protocol/event-reader.ts'

/** How long to wait before a server that is gone is called again, in milliseconds: at first, and at most. */
const FIRST_WAIT_MS = 100
const MAX_WAIT_MS = 5000

/** How long it is called, in milliseconds: for as long as it keeps changes to go on from. */
const PATIENCE_MS = 60_000

/** Calls the server for a watch; settles to the chunks of its answer. */
export type Connect = (after: string | undefined, signal: AbortSignal) => Promise<AsyncGenerator<Buffer, void, void>>

/** A watch of a server, which goes on by itself after its connection was lost. */
export class RemoteChanges implements Changes {
  readonly #connect: Connect
  readonly #hold: Hold
  readonly #onEnd: (changes: RemoteChanges) => void
  readonly #end = new AbortController()
  readonly #signal: AbortSignal | undefined
  #events: AsyncGenerator<ServerEvent[], void, void> | undefined
  #position: string | undefined
  #failure: KvError | undefined
  #isOver = false

  private constructor(
    connect: Connect,
    hold: Hold,
    onEnd: (changes: RemoteChanges) => void,
    after: string | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#connect = connect
    this.#hold = hold
    this.#onEnd = onEnd
    this.#position = after
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  /**
   * Settles when the watch stands on the server; nothing is tried again before that.
   * @param hold what keeps the process running for `connect`
   * @param onEnd is told when it is over
   */
  static async open(
    connect: Connect,
    hold: Hold,
    onEnd: (changes: RemoteChanges) => void,
    after: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RemoteChanges> {
    const changes = new RemoteChanges(connect, hold, onEnd, after, signal)
    try {
      await changes.#open()
      return changes
    } catch (error) {
      await changes.return()
      throw changes.#failure ?? error
    }
  }

  get position(): string {
    return this.#position!
  }

  async next(): Promise<IteratorResult<Change[], void>> {
    let lost: { readonly since: number; wait: number } | undefined
    while (!this.#isOver) {
      try {
        if (this.#events === undefined) await this.#open()
        const { value, done } = await this.#events!.next()
        if (done === true) throw new KvError('KV_UNAVAILABLE', 'the server has ended the watch')
        lost = undefined
        const changes = this.#take(value)
        if (changes.length > 0) return { done: false, value: changes }
      } catch (error) {
        this.#events = undefined
        if (this.#isOver) break
        lost ??= { since: performance.now(), wait: FIRST_WAIT_MS }
        if (
          !(error instanceof KvError && error.code === 'KV_UNAVAILABLE') ||
          performance.now() - lost.since > PATIENCE_MS
        ) {
          await this.return()
          throw error
        }
        await sleep(lost.wait, undefined, { signal: this.#end.signal, ref: !this.#hold.isReleased }).catch(() => {})
        lost.wait = Math.min(MAX_WAIT_MS, lost.wait * 2)
      }
    }
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Change[], void>> {
    if (!this.#isOver) this.#onEnd(this)
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#end.abort()
    this.#events = undefined
    return { done: true, value: undefined }
  }

  /** Ends the watch with an error, which the consumer gets once. */
  fail(error: KvError): void {
    if (this.#isOver) return
    this.#failure = error
    void this.return()
  }

  unref(): void {
    this.#hold.release()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #open(): Promise<void> {
    const events = serverEvents(await this.#connect(this.#position, this.#end.signal))
    for await (const some of nonStop(events)) {
      const ready = some.findIndex(({ type }) => type === 'ready')
      if (ready < 0) throw new KvError('KV_UNAVAILABLE', 'the server answered, but not with a watch')
      this.#position = some[ready]!.id
      this.#events = rest(some.slice(ready + 1), events)
      return
    }
    throw new KvError('KV_UNAVAILABLE', 'the server has ended the watch')
  }

  #take(events: readonly ServerEvent[]): Change[] {
    const changes: Change[] = []
    for (const { type, id, data } of events) {
      if (type === 'failure')
        throw fromBody(parseBody(asBuffer(data).toString()) ?? { detail: 'the server has ended the watch' })
      if (type === 'put' || type === 'del') changes.push(changeOf(type, id, data))
      this.#position = id
    }
    return changes
  }

  readonly #onAbort = (): void => this.fail(interrupted(this.#signal))
}

/** The same items; leaving the loop leaves the generator as it is. */
function nonStop<T>(items: AsyncGenerator<T, void, void>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => items.next() }) }
}

async function* rest<T>(first: T[], others: AsyncGenerator<T[], void, void>): AsyncGenerator<T[], void, void> {
  if (first.length > 0) yield first
  yield* others
}
