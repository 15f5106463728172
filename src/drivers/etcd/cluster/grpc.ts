import type { SecureContext } from 'node:tls'
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  Metadata,
  type ServiceError,
  credentials,
  logVerbosity,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js'
import { speaksTls } from '../../kit/tls-probe.ts'
import type { Method } from '../wire/messages.ts'
import { Channel } from './channel.ts'
import { speaksHttp2 } from './probe.ts'
import { release } from './release.ts'
import { TlsCredentials, type TlsFailure, certificateMismatch, messageOf } from './tls.ts'
import {
  CallError,
  type CallOptions,
  type MessageStream,
  type Mismatch,
  NO_ANSWER,
  NO_CONNECTION,
  type Transport,
} from './transport.ts'

/** How long a server may take, in milliseconds, to show that it speaks TLS, or does not, after it closed a connection. */
const PROBE_MS = 1000

/** Words of grpc-js for a stream that the member did not begin. */
const REFUSED_STREAM = 'Stream refused by server'

// What goes wrong is told by errors; standard error belongs to the program.
setLogVerbosity(logVerbosity.NONE)

/**
 * The way to one member by gRPC. A channel on which a member did not answer in time is left for a new one: grpc-js itself would
 * wait for the old connection until a ping is missed.
 */
export class GrpcTransport implements Transport {
  readonly endpoint: string
  readonly #host: string
  readonly #port: number
  readonly #tls: TlsCredentials | undefined
  readonly #credentials: ChannelCredentials
  readonly #streams = new Set<Channel>()
  #channel: Channel | undefined

  /** @param tls for a member that is spoken to in secret */
  constructor(endpoint: string, tls: SecureContext | undefined) {
    this.endpoint = endpoint
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(endpoint)!
    this.#host = host
    this.#port = Number(port)
    this.#tls = tls && new TlsCredentials(host, tls)
    this.#credentials = this.#tls ?? credentials.createInsecure()
  }

  unary<Q, R>(method: Method<Q, R>, request: Q, { deadlineMs, connectMs, token, signal }: CallOptions): Promise<R> {
    const channel = (this.#channel ??= new Channel(this.endpoint, this.#credentials))
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(new CallError(status.CANCELLED, 'interrupted', false, this.endpoint))
      const patience = channel.patience(() => call, connectMs)
      const call = channel.client.makeUnaryRequest<Q, R>(
        method.path,
        asBuffer(method.encode),
        method.decode,
        request,
        metadataOf(token),
        // Without a millisecond left grpc-js ends the call before it has begun, and sends it nevertheless.
        { deadline: Date.now() + Math.max(1, deadlineMs) },
        (error, answer) => {
          clearTimeout(patience)
          signal?.removeEventListener('abort', onAbort)
          if (error === null) return resolve(answer!)
          const wasSent = channel.wasSent(call)
          if (error.code === status.DEADLINE_EXCEEDED || !(wasSent || channel.isConnecting)) this.#leave(channel)
          void this.#failure(error, wasSent).then(reject)
        },
      )
      // A call of this turn of the event loop would be cancelled first, and sent all the same.
      const onAbort = (): void => void setImmediate(() => call.cancel())
      signal?.addEventListener('abort', onAbort)
    })
  }

  stream<Q, R>(
    method: Method<Q, R>,
    { connectMs, token, signal }: Omit<CallOptions, 'deadlineMs'>,
  ): MessageStream<Q, R> {
    const channel = new Channel(this.endpoint, this.#credentials)
    let isReleased = false
    const call: ClientDuplexStream<Q, R> = channel.client.makeBidiStreamRequest<Q, R>(
      method.path,
      asBuffer(method.encode),
      method.decode,
      metadataOf(token),
    )
    const patience = channel.patience(() => call, connectMs)
    const end = (): void => {
      clearTimeout(patience)
      signal?.removeEventListener('abort', end)
      this.#streams.delete(channel)
      channel.destroy()
      call.cancel()
    }
    this.#streams.add(channel)
    if (signal?.aborted === true) end()
    else signal?.addEventListener('abort', end)
    // It may fail while nobody reads; who reads then is told.
    call.on('error', () => {})
    const failure = (error: unknown): Promise<CallError> => this.#failure(error as ServiceError, channel.wasSent(call))
    return {
      send: (message) => void call.write(message),
      cancel: end,
      unref() {
        isReleased = true
        release(call)
      },
      async *[Symbol.asyncIterator]() {
        try {
          for await (const message of call as AsyncIterable<R>) {
            clearTimeout(patience)
            if (isReleased) release(call)
            yield message
          }
        } catch (error) {
          throw await failure(error)
        } finally {
          end()
        }
      },
    }
  }

  close(): void {
    for (const channel of this.#streams) channel.destroy()
    this.#channel?.destroy()
    this.#channel = undefined
  }

  /** Has the next call make a new connection. */
  #leave(channel: Channel): void {
    channel.retire()
    if (this.#channel === channel) this.#channel = undefined
  }

  async #failure({ code, details }: ServiceError, wasSent: boolean): Promise<CallError> {
    if (wasSent) {
      const text = code === status.DEADLINE_EXCEEDED ? NO_ANSWER : details
      return new CallError(code, text, details !== REFUSED_STREAM, this.endpoint)
    }
    if (code !== status.UNAVAILABLE) return new CallError(status.UNAVAILABLE, NO_CONNECTION, false, this.endpoint)
    const failure = this.#tls?.failure
    // The text of grpc-js has that of the error in it; an older one is of another connection.
    const cause = failure !== undefined && details.includes(failure.message) ? failure : undefined
    const text = cause === undefined ? whyUnconnected(details) : messageOf(cause)
    return new CallError(code, text, false, this.endpoint, await this.#mismatch(details, cause))
  }

  async #mismatch(text: string, cause: TlsFailure | undefined): Promise<Mismatch | undefined> {
    if (text.includes('Protocol error')) return 'no HTTP/2'
    if (this.#tls === undefined) {
      const isClosed = text.includes('Failed to connect')
      return isClosed && (await speaksTls(this.#host, this.#port, PROBE_MS)) ? 'needs TLS' : undefined
    }
    const certificate = cause && certificateMismatch(cause)
    if (cause === undefined || certificate !== undefined) return certificate
    return (await speaksHttp2(this.#host, this.#port, PROBE_MS)) ? 'no TLS' : undefined
  }
}

/** What a failure of grpc-js to connect says: the message of Node's error stands in it. */
function whyUnconnected(details: string): string {
  const [, text] = /Last error: (?:\w*Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note: /.exec(details) ?? []
  return text ?? details
}

function asBuffer<Q>(encode: (request: Q) => Uint8Array): (request: Q) => Buffer {
  return (request) => {
    const { buffer, byteOffset, byteLength } = encode(request)
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
  }
}

/** A member without a leader says so at once, rather than to wait for one. */
function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata()
  metadata.set('hasleader', 'true')
  if (token !== undefined) metadata.set('token', token)
  return metadata
}
