import type { Method } from '../wire/messages.ts'

/** How one call is made. */
export interface CallOptions {
  /** How long the member may take, in milliseconds. */
  readonly deadlineMs: number
  /** How long the connection may take, in milliseconds, where there is none yet. Default: 2000. */
  readonly connectMs?: number
  /** What proves who is asking. */
  readonly token?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** What {@link CallError} says when time was up, before there was a connection and after. */
export const NO_CONNECTION = 'no connection in time'
export const NO_ANSWER = 'no answer in time'

/**
 * Why nobody can be asked at an address, now or later: the certificate there is not trusted, not for this host, or too old;
 * ours is not accepted; TLS is needed, or not there; what answers speaks no HTTP/2.
 */
export type Mismatch = 'untrusted' | 'other host' | 'expired' | 'own certificate' | 'needs TLS' | 'no TLS' | 'no HTTP/2'

/** A call that did not end well: what the member, or the way to it, says. */
export class CallError extends Error {
  /** Of gRPC (https://grpc.io/docs/guides/status-codes), such as 14 for a member that cannot be reached. */
  readonly status: number
  /** False: the member was not asked at all. */
  readonly wasSent: boolean
  /** `HOST:PORT`. */
  readonly endpoint: string
  /** Of a call that was not sent: why the same would happen to any other. */
  readonly mismatch: Mismatch | undefined

  constructor(status: number, message: string, wasSent: boolean, endpoint: string, mismatch?: Mismatch) {
    super(message)
    this.status = status
    this.wasSent = wasSent
    this.endpoint = endpoint
    this.mismatch = mismatch
  }
}

/** Messages in both directions until one side ends. */
export interface MessageStream<Q, R> extends AsyncIterable<R> {
  send(message: Q): void
  /** Ends it at once. */
  cancel(): void
  /** Lets the process end although the stream is open. */
  unref(): void
}

/** The way to one member. */
export interface Transport {
  readonly endpoint: string
  /** Asks, and settles to the answer. Rejects with a {@link CallError}. */
  unary<Q, R>(method: Method<Q, R>, request: Q, options: CallOptions): Promise<R>
  /** Opens a stream, which throws a {@link CallError} when the way is lost. */
  stream<Q, R>(method: Method<Q, R>, options: Omit<CallOptions, 'deadlineMs'>): MessageStream<Q, R>
  close(): void
}

/** Whether a message was longer than this process takes. */
export function isTooLong({ message }: CallError): boolean {
  return /received message larger than max/i.test(message)
}
