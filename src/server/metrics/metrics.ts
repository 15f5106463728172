import { Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Stat } from '../../store/driver.ts'
import type { Store } from '../../store/store.ts'
import type { LoadLimits } from '../admission/load-limits.ts'
import { RequestMetrics } from './request-metrics.ts'

/** How long the counts of a store are shown before they are taken anew, in milliseconds: taking them walks an index. */
const STAT_MS = 15_000

/** What happened to requests, and the size of the store, for Prometheus. */
export class Metrics {
  /** What happened to requests. */
  readonly requests = new RequestMetrics()
  readonly #registry = new Registry()
  readonly #entries: Gauge
  readonly #bytes: Gauge
  readonly #watches: Gauge
  readonly #store: Store
  readonly #limits: LoadLimits
  #stat: { readonly at: number; readonly stat: Stat } | undefined

  /** `process`: with the figures of the process too, which one process should have once. */
  constructor(store: Store, limits: LoadLimits, { process }: { process: boolean }) {
    const registers = [this.#registry]
    this.#store = store
    this.#entries = new Gauge({ name: 'kv_store_entries', help: 'Entries of the store', registers })
    this.#bytes = new Gauge({ name: 'kv_store_size_bytes', help: 'Bytes the store takes where it lives', registers })
    this.#watches = new Gauge({ name: 'kv_watches', help: 'Watches under way', registers })
    this.#limits = limits
    if (process) collectDefaultMetrics({ register: this.#registry })
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
    this.#watches.set(this.#limits.watches)
    return `${this.requests.text()}\n${await this.#registry.metrics()}`
  }
}
