import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { Code } from '../../errors.ts'
import type { Hold } from './hold.ts'

/** One request to a server. */
export interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** With the query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** The body, in chunks when it is long; their sum in bytes when it is known. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly length?: number | undefined
  /** Statuses that are no errors, with the code that the body must have: a proxy has none. Default: 200. */
  readonly answers?: Readonly<Record<number, Code | 'done'>>
  /** A lost answer means that the write may have been done. */
  readonly write: boolean
  /** What to do then, where it is not one key that is put. */
  readonly ifLost?: string
  /** How long the server may say nothing, in milliseconds. Default: what the client was told. */
  readonly silenceMs?: number
  /** On a connection of its own, which is not kept: the answer has no end. */
  readonly apart?: boolean
  /** Told of what keeps the process running while the answer is waited for. */
  readonly hold?: Hold
  /** Aborted when nobody wants the answer any more. */
  readonly signal?: AbortSignal | undefined
  /** How long to wait for the outcome even so, in milliseconds. Default: not at all. */
  readonly graceMs?: number
}

/** An answer. */
export interface Answer<Body = Readable> {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** To be read, or whole. */
  readonly body: Body
}
