import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  Metadata,
  type ServiceError,
  credentials,
  status,
} from '@grpc/grpc-js'
import type { Method } from '../wire/messages.ts'
import { CallError, type CallOptions, type MessageStream, type Transport } from './transport.ts'

/** Secrets of TLS, in PEM. */
export interface TlsSecrets {
  readonly ca: Buffer | undefined
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
}

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

/** The way to one member by gRPC, on a channel of its own: one that hangs is left alone. */
export class GrpcTransport implements Transport {
  readonly endpoint: string
  readonly #client: Client

  constructor(endpoint: string, tls: TlsSecrets | undefined) {
    this.endpoint = endpoint
    this.#client = new Client(endpoint, credentialsOf(tls), OPTIONS)
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
          if (error) reject(this.#failure(error))
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
    const failure = (error: unknown): CallError => this.#failure(error as ServiceError)
    return {
      send: (message) => void call.write(message),
      cancel: onAbort,
      unref() {},
      async *[Symbol.asyncIterator]() {
        try {
          yield* call as AsyncIterable<R>
        } catch (error) {
          throw failure(error)
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

  #failure({ code = status.UNKNOWN, details, message }: Partial<ServiceError>): CallError {
    const text = details ?? message ?? 'no answer'
    return new CallError(code, text, !NOT_SENT.test(text), this.endpoint)
  }
}

function credentialsOf(tls: TlsSecrets | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure()
  const { ca = null, key = null, cert = null } = tls
  return credentials.createSsl(ca, key, cert)
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
