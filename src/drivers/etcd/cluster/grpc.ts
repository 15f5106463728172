import type { SecureContext } from 'node:tls'
import { Client, type ClientDuplexStream, Metadata, type ServiceError, credentials, status } from '@grpc/grpc-js'
import { speaksTls } from '../../kit/tls-probe.ts'
import type { Method } from '../wire/messages.ts'
import { speaksHttp2 } from './probe.ts'
import { TlsCredentials, type TlsFailure, certificateMismatch, messageOf } from './tls.ts'
import { CallError, type CallOptions, type MessageStream, type Mismatch, type Transport } from './transport.ts'

/**
 * A ping each 10 s finds out that a member is gone; etcd closes a connection that pings more than every 5 s. The flow
 * control window takes whole pages without a round trip in between.
 */
const OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
}

/** Words of grpc-js for a call that never left this process. */
const NOT_SENT = /^No connection established|Waiting for LB pick|name resolution|^Name resolution failed/i

/** How long a server may take, in milliseconds, to show that it speaks TLS, or does not, after it closed a connection. */
const PROBE_MS = 1000

/** The way to one member by gRPC, on a channel of its own: one that hangs is left alone. */
export class GrpcTransport implements Transport {
  readonly endpoint: string
  readonly #host: string
  readonly #port: number
  readonly #client: Client
  readonly #tls: TlsCredentials | undefined

  /** @param tls for a member that is spoken to in secret */
  constructor(endpoint: string, tls: SecureContext | undefined) {
    this.endpoint = endpoint
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(endpoint)!
    this.#host = host
    this.#port = Number(port)
    this.#tls = tls && new TlsCredentials(host, tls)
    this.#client = new Client(endpoint, this.#tls ?? credentials.createInsecure(), OPTIONS)
  }

  unary<Q, R>(method: Method<Q, R>, request: Q, { deadlineMs, token, signal }: CallOptions): Promise<R> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<Q, R>(
        method.path,
        asBuffer(method.encode),
        method.decode,
        request,
        metadataOf(token),
        { deadline: Date.now() + deadlineMs },
        (error, answer) => {
          signal?.removeEventListener('abort', onAbort)
          if (error) void this.#failure(error).then(reject)
          else resolve(answer!)
        },
      )
      const onAbort = (): void => call.cancel()
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort)
    })
  }

  stream<Q, R>(method: Method<Q, R>, { token, signal }: Omit<CallOptions, 'deadlineMs'>): MessageStream<Q, R> {
    const call: ClientDuplexStream<Q, R> = this.#client.makeBidiStreamRequest<Q, R>(
      method.path,
      asBuffer(method.encode),
      method.decode,
      metadataOf(token),
    )
    const onAbort = (): void => call.cancel()
    signal?.addEventListener('abort', onAbort)
    const failure = (error: unknown): Promise<CallError> => this.#failure(error as ServiceError)
    return {
      send: (message) => void call.write(message),
      cancel: onAbort,
      unref() {},
      async *[Symbol.asyncIterator]() {
        try {
          yield* call as AsyncIterable<R>
        } catch (error) {
          throw await failure(error)
        } finally {
          signal?.removeEventListener('abort', onAbort)
          call.on('error', () => {})
          call.cancel()
        }
      },
    }
  }

  close(): void {
    this.#client.close()
  }

  async #failure({ code = status.UNKNOWN, details, message }: Partial<ServiceError>): Promise<CallError> {
    const text = details ?? message ?? 'no answer'
    if (!NOT_SENT.test(text)) return new CallError(code, text, true, this.endpoint)
    const failure = this.#tls?.failure
    // The text of grpc-js ends with that of the error; an older one is of another connection.
    const cause = failure !== undefined && text.includes(failure.message) ? failure : undefined
    const told = cause === undefined ? text : messageOf(cause)
    return new CallError(code, told, false, this.endpoint, await this.#mismatch(text, cause))
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
