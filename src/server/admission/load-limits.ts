import type { ServerResponse } from 'node:http'
import { busy, clientGone } from '../http/http-error.ts'

/** Answers up to this length are not counted: as many as there may be requests take little. */
const LARGE_ANSWER = 1 << 16

/** What an operation or a key of a request takes in memory besides its bytes, roughly. */
const OBJECT_BYTES = 300

const HELD = Symbol('held')

/**
 * A response whose request was let in, with the bytes that request holds: what is given back can be
 * given back once only. Noted here and not in a `Map`: the tables that one leaves behind as it changes
 * let V8 take dead responses for living ones, and requests took a fifth longer.
 */
type Admitted = ServerResponse & { [HELD]?: number | undefined }

/** What may be under way at a time. */
interface Maxima {
  /** Requests, watches not counted. */
  readonly requests: number
  /** Bytes of bodies and answers held in memory, by all requests together. */
  readonly bytes: number
  /** Of the requests, how many may read a range. */
  readonly streams: number
  readonly watches: number
}

/** Bounds the work and the memory that requests may take together. */
export class LoadLimits {
  readonly #max: Maxima
  /** Requests under way. */
  #requests = 0
  #bytes = 0
  #closing = false
  /** Requests that read a range, which may take long. */
  readonly #streams = new Set<ServerResponse>()
  /** Watches that stand or are about to, each with what ends it. */
  readonly #watches = new Map<ServerResponse, AbortController>()

  constructor(max: Maxima) {
    this.#max = max
  }

  /** Whether the server is going down. */
  get isClosing(): boolean {
    return this.#closing
  }

  /** Watches at the moment. */
  get watches(): number {
    return this.#watches.size
  }

  /** Bytes of bodies and answers held in memory at the moment. */
  get bytes(): number {
    return this.#bytes
  }

  /** From now on every request is refused, and watches end. */
  close(): void {
    this.#closing = true
    for (const end of this.#watches.values()) end.abort()
  }

  /** Lets a request in, until {@link release}. Throws 503 when too many are under way. */
  acquire(response: Admitted): void {
    if (this.#closing) throw busy('the server is going down')
    if (this.#requests >= this.#max.requests) throw busy(`${this.#max.requests} requests are under way`)
    this.#requests++
    response[HELD] = 0
  }

  /** Lets a watch in, which may last for days. Throws 503 when there are too many. */
  acquireWatch(response: ServerResponse): void {
    if (this.#closing) throw busy('the server is going down')
    if (this.#watches.size >= this.#max.watches) throw busy(`${this.#max.watches} watches are under way`)
    const end = new AbortController()
    this.#watches.set(response, end)
    response.once('close', () => {
      this.#watches.delete(response)
      end.abort()
    })
  }

  /** Of a watch let in: aborted when its client is gone or the server goes down. */
  watchSignal(response: ServerResponse): AbortSignal {
    return this.#watches.get(response)?.signal ?? AbortSignal.abort()
  }

  /** A request is over: its answer is out or its client is gone. What it holds is free again. */
  release(response: Admitted): void {
    const held = response[HELD]
    if (held === undefined) return
    response[HELD] = undefined
    this.#requests--
    this.#bytes -= held
    if (this.#streams.size > 0) this.#streams.delete(response)
  }

  /** A request let in begins to read a range, which may take a connection of the store. Throws 503 when too many do. */
  acquireRange(response: Admitted): void {
    if (response[HELD] === undefined) throw clientGone()
    if (this.#streams.size >= this.#max.streams) throw busy(`${this.#max.streams} ranges are being read`)
    this.#streams.add(response)
  }

  /** Takes more memory for a request. Throws 503 when there is not enough, 400 when its client is gone. */
  reserve(bytes: number, response: Admitted): void {
    const held = response[HELD]
    if (held === undefined) throw clientGone()
    if (this.#bytes + bytes > this.#max.bytes) throw busy('the requests under way take all the memory they may')
    response[HELD] = held + bytes
    this.#bytes += bytes
  }

  /** The same for operations or keys that a body was taken apart into. */
  reserveObjects(count: number, response: ServerResponse): void {
    this.reserve(count * OBJECT_BYTES, response)
  }

  /** The same for an answer that is there as a whole, until the client has taken it. */
  reserveAnswer(bytes: number, response: ServerResponse): void {
    if (bytes > LARGE_ANSWER) this.reserve(bytes, response)
  }
}
