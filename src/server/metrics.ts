import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Stat } from '../store/driver.ts'
import type { Store } from '../store/store.ts'

/** Upper bounds of the latency buckets, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How long the counts of a store are shown before they are taken anew, in milliseconds: taking them walks an index. */
const STAT_MS = 15_000

/** What happened to requests, and the size of the store, for Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Counter<'method' | 'route' | 'status'>
  readonly #seconds: Histogram<'route'>
  readonly #entries: Gauge
  readonly #bytes: Gauge
  readonly #store: Store
  #stat: { readonly at: number; readonly stat: Stat } | undefined

  /** `process`: with the figures of the process too, which one process should have once. */
  constructor(store: Store, { process }: { process: boolean }) {
    const registers = [this.#registry]
    this.#store = store
    this.#requests = new Counter({ name: 'kv_http_requests_total', help: 'Requests answered', labelNames: ['method', 'route', 'status'], registers })
    this.#seconds = new Histogram({ name: 'kv_http_request_duration_seconds', help: 'From the head of a request to the end of its answer', labelNames: ['route'], buckets: BUCKETS, registers })
    this.#entries = new Gauge({ name: 'kv_store_entries', help: 'Entries of the store', registers })
    this.#bytes = new Gauge({ name: 'kv_store_size_bytes', help: 'Bytes the store takes where it lives', registers })
    if (process) collectDefaultMetrics({ register: this.#registry })
  }

  /** Counts a request: its time in milliseconds. */
  count(method: string, route: string, status: number, ms: number): void {
    this.#requests.inc({ method, route, status })
    this.#seconds.observe({ route }, ms / 1000)
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** Everything in Prometheus' text format. */
  async text(): Promise<string> {
    if (this.#stat === undefined || performance.now() - this.#stat.at > STAT_MS) {
      this.#stat = { at: performance.now(), stat: await this.#store.stat() }
    }
    this.#entries.set(this.#stat.stat.entries)
    this.#bytes.set(this.#stat.stat.sizeBytes)
    return this.#registry.metrics()
  }
}
