import { Counter, Gauge, type Metric, Registry, collectDefaultMetrics } from 'prom-client'
import type { Stat } from '../../store/driver/driver.ts'
import type { Store } from '../../store/store.ts'

/** Upper bounds of the latency buckets, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const DURATIONS = 'kv_http_request_duration_seconds'

/** How long the counts of a store are shown before they are taken anew, in milliseconds: taking them walks an index. */
const STAT_MS = 15_000

/** The requests of one route, in plain numbers: counting each with prom-client would take a microsecond. */
interface RouteCounts {
  /** How many got each status, by method. */
  readonly methods: Record<string, Record<number, number>>
  /** How many fell into each bucket, and above the last one. */
  readonly buckets: number[]
  seconds: number
}

/** What happened to requests, and the size of the store, for Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #routes = new Map<string, RouteCounts>()

  /** @param process whether to show the figures of the process, which one server of a process should */
  constructor(store: Store, { watches, process }: { watches: () => number; process: boolean }) {
    const [register, routes] = [this.#registry, this.#routes]
    const registers = [register]
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
    const requests = new Counter({
      name: 'kv_http_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers: [],
      collect() {
        this.reset()
        for (const [route, { methods }] of routes)
          for (const [method, statuses] of Object.entries(methods))
            for (const [status, count] of Object.entries(statuses)) this.inc({ method, route, status }, count)
      },
    })
    register.registerMetric(requests)
    // A histogram of prom-client takes observations alone, no counts.
    const help = 'From the head of a request to the end of its answer'
    const get = (): object => ({ name: DURATIONS, help, type: 'histogram', values: [...routes].flatMap(durations) })
    register.registerMetric({ name: DURATIONS, get } as unknown as Metric)
    gauge('kv_store_entries', 'Entries of the store', async () => (await stat()).entries)
    gauge('kv_store_size_bytes', 'Bytes the store takes where it lives', async () => (await stat()).sizeBytes)
    gauge('kv_watches', 'Watches under way', watches)
    if (process) collectDefaultMetrics({ register })
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** What counts the answered requests of a method and route: their status, and the time they took in milliseconds. */
  counter(method: string, route: string): (status: number, ms: number) => void {
    let counts = this.#routes.get(route)
    if (counts === undefined)
      this.#routes.set(route, (counts = { methods: {}, buckets: [0, ...BUCKETS.map(() => 0)], seconds: 0 }))
    const { methods, buckets } = counts
    const statuses = (methods[method] ??= {})
    return (status, ms) => {
      const seconds = ms / 1000
      statuses[status] = (statuses[status] ?? 0) + 1
      counts.seconds += seconds
      let bucket = 0
      while (seconds > BUCKETS[bucket]!) bucket++
      buckets[bucket]!++
    }
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}

/** The lines of the histogram for one route; none before its first request. */
function durations([route, { buckets, seconds }]: [string, RouteCounts]): object[] {
  let count = 0
  const lines = buckets.map((n, i) => ({
    metricName: `${DURATIONS}_bucket`,
    labels: { le: BUCKETS[i] ?? '+Inf', route },
    value: (count += n),
  }))
  if (count === 0) return []
  const labels = { route }
  const sum = { metricName: `${DURATIONS}_sum`, labels, value: seconds }
  return [...lines, sum, { metricName: `${DURATIONS}_count`, labels, value: count }]
}
