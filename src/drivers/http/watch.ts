import { setTimeout as sleep } from 'node:timers/promises'
import { asBuffer } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { changeOf } from '../../formats/json/change-reader.ts'
import { type ServerEvent, serverEvents } from '../../protocol/event-reader.ts'
import { fromBody, parseBody } from '../../protocol/errors.ts'
import type { Change } from '../../store/driver/entry.ts'
import type { Feed } from '../kit/subscriptions.ts'
import type { Hold } from './hold.ts'

/** How long to wait before a server that is gone is called again, in milliseconds: at first, and at most. */
const FIRST_WAIT_MS = 100
const MAX_WAIT_MS = 5000

/** How long it is called, in milliseconds: for as long as it keeps changes to go on from. */
const RETRY_MS = 60_000

/** Calls the server for a watch; settles to the chunks of its answer. */
export type Connect = (after: string | undefined, signal: AbortSignal) => Promise<AsyncGenerator<Buffer, void, void>>

/** What a watch of a server reads: its events, over a new connection when one was lost. */
export class EventFeed implements Feed {
  readonly #connect: Connect
  readonly #hold: Hold
  readonly #closed = new AbortController()
  #events: AsyncGenerator<ServerEvent[], void, void> | undefined
  /** Events that have come, to be read before those that follow. */
  #unread: ServerEvent[] = []
  #position: string | undefined

  /** @param after the position to go on after */
  constructor(connect: Connect, hold: Hold, after: string | undefined) {
    this.#connect = connect
    this.#hold = hold
    this.#position = after
  }

  get position(): string {
    return this.#position!
  }

  /** Settles when the watch stands on the server. Tries once. */
  async open(): Promise<void> {
    const events = serverEvents(await this.#connect(this.#position, this.#closed.signal))
    const [ready, ...others] = await nextOf(events)
    if (ready?.type !== 'ready') throw new KvError('KV_UNAVAILABLE', 'the server answered, but not with a watch')
    this.#position = ready.id
    this.#unread = others
    this.#events = events
  }

  async pull(): Promise<Change[]> {
    let lostAt: number | undefined
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(MAX_WAIT_MS, wait * 2)) {
      try {
        if (this.#events === undefined) await this.open()
        return this.#changes(this.#unread.length > 0 ? this.#unread.splice(0) : await nextOf(this.#events!))
      } catch (error) {
        this.#events = undefined
        lostAt ??= performance.now()
        const isLost = error instanceof KvError && error.code === 'KV_UNAVAILABLE'
        if (!isLost || this.#closed.signal.aborted || performance.now() - lostAt > RETRY_MS) throw error
        await sleep(wait, undefined, { signal: this.#closed.signal, ref: !this.#hold.isReleased })
      }
    }
  }

  unref(): void {
    this.#hold.release()
  }

  close(): void {
    this.#closed.abort()
    this.#events = undefined
  }

  #changes(events: readonly ServerEvent[]): Change[] {
    const changes: Change[] = []
    let position = this.#position
    for (const [i, { type, id, data }] of events.entries()) {
      if (type === 'failure') {
        if (i === 0) throw failureOf(data)
        // What came before it is handed out first.
        this.#unread = events.slice(i)
        break
      }
      if (type === 'put' || type === 'del') changes.push(changeOf(type, id, data))
      position = id
    }
    this.#position = position
    return changes
  }
}

async function nextOf(events: AsyncGenerator<ServerEvent[], void, void>): Promise<ServerEvent[]> {
  const { value } = await events.next()
  if (value === undefined) throw new KvError('KV_UNAVAILABLE', 'the server has ended the watch')
  return value
}

function failureOf(data: Uint8Array): KvError {
  return fromBody(parseBody(asBuffer(data).toString()) ?? { detail: 'the server has ended the watch' })
}
