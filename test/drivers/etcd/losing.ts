import { Cluster } from '../../../src/drivers/etcd/cluster/cluster.ts'
import { GrpcTransport } from '../../../src/drivers/etcd/cluster/grpc.ts'
import { Login } from '../../../src/drivers/etcd/cluster/login.ts'
import { type Place, Refusals } from '../../../src/drivers/etcd/cluster/refusals.ts'
import { CallError, type CallOptions, type Transport } from '../../../src/drivers/etcd/cluster/transport.ts'
import { Keys } from '../../../src/drivers/etcd/keys.ts'
import { Leases } from '../../../src/drivers/etcd/lease/leases.ts'
import { METHODS, type Method, type Txn } from '../../../src/drivers/etcd/wire/messages.ts'
import { Target } from '../../../src/drivers/etcd/write/target.ts'
import { Writes } from '../../../src/drivers/etcd/write/writes.ts'
import { text } from '../../helpers/bytes.ts'
import type { EtcdCluster } from '../../helpers/etcd.ts'

/** What happens to one write whose answer is lost. */
export interface Loss {
  /** Whether it is done. */
  readonly done: boolean
  /** What happens before anybody can know that the answer is lost. */
  readonly after?: (() => Promise<unknown>) | undefined
}

/** The way to a member on which answers to writes get lost. */
class LosingTransport implements Transport {
  readonly endpoint: string
  readonly losses: Loss[] = []
  readonly #way: Transport

  constructor(endpoint: string) {
    this.endpoint = endpoint
    this.#way = new GrpcTransport(endpoint, undefined)
  }

  async unary<Q, R>(method: Method<Q, R>, request: Q, options: CallOptions): Promise<R> {
    const loss = isWrite(method, request) ? this.losses.shift() : undefined
    if (loss === undefined) return this.#way.unary(method, request, options)
    if (loss.done) await this.#way.unary(method, request, options)
    await loss.after?.()
    throw new CallError(14, 'etcdserver: request timed out', true, this.endpoint)
  }

  stream(): never {
    throw new Error('no streams')
  }

  close(): void {
    this.#way.close()
  }
}

function isWrite(method: object, request: unknown): boolean {
  if (method === METHODS.steps || method === METHODS.stepsIfAbsent) return true
  return method === METHODS.txn && (request as Txn).success!.some(({ range }) => range === undefined)
}

/** Writes to a prefix of a cluster of which answers can be lost. */
export interface LosingWrites {
  readonly writes: Writes
  /** Loses the answer of the next write that is sent, and so on. */
  lose(...losses: readonly Loss[]): void
  /** How many losses are left. */
  readonly left: number
  close(): Promise<void>
}

/** Opens one for keys that begin with `prefix`. */
export function losingWrites(
  cluster: EtcdCluster,
  prefix: string,
  { totalMs = 5000, now = Date.now } = {},
): LosingWrites {
  const transport = new LosingTransport(cluster.endpoints[0]!)
  const way = new Cluster([transport], new Login(undefined), new Refusals({} as Place), { tryMs: 2000, totalMs })
  const writes = new Writes(new Target(way, new Keys(text(prefix)), new Leases(way, now), now, 128))
  return {
    writes,
    lose: (...losses) => void transport.losses.push(...losses),
    get left() {
      return transport.losses.length
    },
    close: async () => way.close(),
  }
}
