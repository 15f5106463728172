import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Stat } from '../../store/driver.ts'
import type { Store } from '../../store/store.ts'

/** Upper bounds of the latency buckets, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How long the counts of a store are shown before they are taken anew, in milliseconds: taking them walks an index. */
const STAT_MS = 15_000

/** What happened to requests, and the size of the store, for Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #requests: Counter
  readonly #seconds: Histogram

  /**
   * @param watches how many watches are under way
   * @param process with the figures of the process too, which one process should have once
   */
  constructor(store: Store, { watches, process }: { watches: () => number; process: boolean }) {
    const registers = [this.#registry]
    let counted: { readonly at: number; readonly stat: Promise<Stat> } | undefined
    const stat = (): Promise<Stat> => {
      if (counted === undefined || performance.now() - counted.at > STAT_MS)
        counted = { at: performance.now(), stat: store.stat() }
      counted.stat.catch(() => (counted = undefined))
      return counted.stat
    }
    const gauge = (name: string, help: string, value: () => number | Promise<number>): Gauge =>
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await value())
        },
      })
    this.#requests = new Counter({
      name: 'kv_http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'kv_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer',
      labelNames: ['route'],
      buckets: BUCKETS,
      registers,
    })
    gauge('kv_store_entries', 'Entries of the store', async () => (await stat()).entries)
    gauge('kv_store_size_bytes', 'Bytes the store takes where it lives', async () => (await stat()).sizeBytes)
    gauge('kv_watches', 'Watches under way', watches)
    if (process) collectDefaultMetrics({ register: this.#registry })
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** Counts an answered request: its status and the time it took in milliseconds. */
  count(method: string, route: string, status: number, ms: number): void {
    this.#requests.inc({ method, route, status })
    this.#seconds.observe({ route }, ms / 1000)
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
