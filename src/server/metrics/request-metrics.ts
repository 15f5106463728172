/** Upper bounds of the latency buckets, in milliseconds. */
const BUCKETS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

interface Latency {
  /** How many fell into each bucket, and above the last one. */
  readonly counts: Float64Array
  sumMs: number
}

/** What happened to the requests of one route and method. */
export class RouteMetrics {
  readonly #statuses = new Map<number, number>()
  readonly #latency: Latency

  constructor(latency: Latency) {
    this.#latency = latency
  }

  /** How many requests got each status. */
  get statuses(): ReadonlyMap<number, number> {
    return this.#statuses
  }

  /** Counts an answered request: its status and the time it took in milliseconds. */
  count(status: number, ms: number): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    let bucket = 0
    while (bucket < BUCKETS_MS.length && ms > BUCKETS_MS[bucket]!) bucket++
    this.#latency.counts[bucket]! += 1
    this.#latency.sumMs += ms
  }
}

/**
 * Counts requests by route, method and status, and their latency by route, in plain numbers: a
 * request costs two additions. The text for Prometheus is made when it is asked for.
 */
export class RequestMetrics {
  readonly #routes = new Map<string, { readonly latency: Latency; readonly methods: Map<string, RouteMetrics> }>()

  /** The figures to count one route and method in; the same for every call with the same two. */
  of(route: string, method: string): RouteMetrics {
    let known = this.#routes.get(route)
    if (known === undefined)
      this.#routes.set(
        route,
        (known = { latency: { counts: new Float64Array(BUCKETS_MS.length + 1), sumMs: 0 }, methods: new Map() }),
      )
    let metrics = known.methods.get(method)
    if (metrics === undefined) known.methods.set(method, (metrics = new RouteMetrics(known.latency)))
    return metrics
  }

  /** Everything counted so far in Prometheus' text format, version 0.0.4. Routes and methods hold nothing to escape. */
  text(): string {
    const requests: string[] = []
    const seconds: string[] = []
    for (const [route, { latency, methods }] of this.#routes) {
      for (const [method, metrics] of methods) {
        for (const [status, count] of metrics.statuses)
          requests.push(`kv_http_requests_total{method="${method}",route="${route}",status="${status}"} ${count}`)
      }
      let sum = 0
      for (const [i, count] of latency.counts.entries()) {
        sum += count
        const bound = BUCKETS_MS[i]
        seconds.push(
          `kv_http_request_duration_seconds_bucket{le="${bound === undefined ? '+Inf' : bound / 1000}",route="${route}"} ${sum}`,
        )
      }
      if (sum === 0) seconds.length -= latency.counts.length
      else
        seconds.push(
          `kv_http_request_duration_seconds_sum{route="${route}"} ${latency.sumMs / 1000}`,
          `kv_http_request_duration_seconds_count{route="${route}"} ${sum}`,
        )
    }
    return [
      '# HELP kv_http_requests_total Requests answered',
      '# TYPE kv_http_requests_total counter',
      ...requests,
      '# HELP kv_http_request_duration_seconds From the head of a request to the end of its answer',
      '# TYPE kv_http_request_duration_seconds histogram',
      ...seconds,
      '',
    ].join('\n')
  }
}
