import type { FastifyReply } from 'fastify'
import { busy } from './refusal.ts'

/** Bounds the work and the memory that requests may take together. */
export class Gate {
  readonly #maxRequests: number
  readonly #maxBytes: number
  #requests = 0
  #bytes = 0
  #closing = false

  /**
   * @param maxRequests requests under way at a time
   * @param maxBytes of bodies and answers held in memory at a time, by all requests together
   */
  constructor(maxRequests: number, maxBytes: number) {
    this.#maxRequests = maxRequests
    this.#maxBytes = maxBytes
  }

  /** Whether the server is going down. */
  get isClosing(): boolean {
    return this.#closing
  }

  /** From now on every request is refused. */
  close(): void {
    this.#closing = true
  }

  /** Lets a request in. Throws 503 when too many are under way. */
  enter(): void {
    if (this.#closing) throw busy('the server is going down')
    if (this.#requests >= this.#maxRequests) throw busy(`${this.#maxRequests} requests are under way`)
    this.#requests++
  }

  /** A request let in is over. */
  leave(): void {
    this.#requests--
  }

  /** Takes memory until the answer is out. Throws 503 when there is not enough. */
  reserve(bytes: number, reply: FastifyReply): void {
    if (this.#bytes + bytes > this.#maxBytes) throw busy('the requests under way take all the memory they may')
    this.#bytes += bytes
    reply.raw.once('close', () => (this.#bytes -= bytes))
  }
}
