import { type ChannelCredentials, Client, connectivityState, experimental } from '@grpc/grpc-js'
import { monotonicMs } from '../../../async.ts'

/** A call of grpc-js, of whatever kind. */
interface AnyCall {
  getPeer(): string
  cancel(): void
}

/** A longer answer is refused before it is in memory: a page of large values, of which fewer are asked for then. */
const MAX_ANSWER_BYTES = 64 << 20

/**
 * A ping each 10 s finds out that a member is gone; etcd closes a connection that pings more than every 5 s. The flow
 * control window takes whole pages without a round trip in between. Tries, and who is asked, are for the cluster to decide.
 */
const OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
  'grpc.max_send_message_length': -1,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
}

/** How addresses are written that {@link Direct} takes. */
const SCHEME = 'kv'
const SIGNAL = 'kv.signal'

/**
 * Leaves names to Node, which looks up and tries all addresses of one, and gives each connection a signal that ends it: by
 * itself grpc-js cannot give up one that is being made, which would keep the process.
 */
class Direct implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener
  #isTold = false
  readonly #address: { readonly host: string; readonly port: number; readonly signal: AbortSignal }

  constructor(
    { path }: experimental.GrpcUri,
    listener: experimental.ResolverListener,
    { [SIGNAL]: signal }: Readonly<Record<string, AbortSignal>>,
  ) {
    const colon = path.lastIndexOf(':')
    const host = path.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    this.#listener = listener
    this.#address = { host, port: Number(path.slice(colon + 1)), signal: signal! }
  }

  updateResolution(): void {
    // It is asked again after each failure, and the address stays the same.
    if (this.#isTold) return
    this.#isTold = true
    process.nextTick(() => {
      this.#listener({ ok: true, value: [{ addresses: [this.#address] }] }, {}, null, '')
    })
  }

  destroy(): void {
    this.#isTold = false
  }

  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    return path
  }
}

experimental.registerResolver(SCHEME, Direct)

/** How long a connection may take to be made, in milliseconds, before another is. */
const CONNECT_MS = 2000

/** One connection to a member: made when it is first needed, made again by grpc-js when it is lost. */
export class Channel {
  readonly client: Client
  readonly #target: string
  readonly #unconnected = new AbortController()
  readonly #began = monotonicMs()

  constructor(endpoint: string, credentials: ChannelCredentials) {
    this.#target = `${SCHEME}:${endpoint}`
    this.client = new Client(this.#target, credentials, { ...OPTIONS, [SIGNAL]: this.#unconnected.signal })
  }

  /** Whether a connection is still being made that has time left for that. */
  get isConnecting(): boolean {
    const state = this.#state
    const begins = state === connectivityState.IDLE || state === connectivityState.CONNECTING
    return begins && monotonicMs() - this.#began < CONNECT_MS
  }

  /** Whether any of a call may have left this process: it has a connection then, and the address of that as its peer. */
  wasSent(call: AnyCall): boolean {
    const peer = call.getPeer()
    return peer !== this.#target && peer !== 'unknown'
  }

  /** Cancels a call that has no connection after so many milliseconds; `undefined` when it has one. */
  patience(call: () => AnyCall, connectMs = CONNECT_MS): NodeJS.Timeout | undefined {
    if (this.#state === connectivityState.READY) return undefined
    return setTimeout(() => {
      if (!this.wasSent(call())) call().cancel()
    }, connectMs)
  }

  /** Takes no more calls. Those under way go on, unless there is no connection yet. */
  retire(): void {
    if (this.#state === connectivityState.READY) this.client.close()
    else this.destroy()
  }

  /** Ends it with all calls. */
  destroy(): void {
    this.client.close()
    this.#unconnected.abort()
  }

  get #state(): connectivityState {
    return this.client.getChannel().getConnectivityState(false)
  }
}
