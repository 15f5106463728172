/** The name of the form below; a change that is not only an addition gets a new number. */
export const SCHEMA = 'kv-bench/1'

/** The latencies of a report. */
export const LATENCIES = ['mean', 'min', 'p50', 'p90', 'p95', 'p99', 'p999', 'max'] as const

/** Figures of all operations, or of those of one name. */
export interface MeasureReport {
  readonly name: string
  readonly operations: number
  /** Entries read or written by them. */
  readonly entries: number
  /** With one operation at a time: spent in operations. With several: that passed. */
  readonly seconds: number
  readonly operations_per_second: number
  readonly entries_per_second: number
  /** In nanoseconds; percentiles are at most 0.8 % above the true ones. */
  readonly latency_ns: Readonly<Record<(typeof LATENCIES)[number], number>>
  /** Pairs: greatest value of a bucket in nanoseconds, operations in it. */
  readonly histogram_ns: readonly (readonly [number, number])[]
}

/** A step as measured on one target. */
export interface StepReport extends MeasureReport {
  /** Operations per second of each round: how much the figure moves by itself. */
  readonly rounds_per_second: readonly number[]
  /**
   * What the machine did of a fixed piece of work a second, before each round: reads of a file in memory,
   * and writes that wait for the disk (none where nothing waits for it, and beside a store of the user's).
   */
  readonly machine_per_second: { readonly processor: readonly number[]; readonly disk: readonly number[] }
  /** Whether it ended before its time, because there was nothing left to do it to. */
  readonly ran_out: boolean
  /** Reads that did not find a key that should have been there; anything but 0 is a fault. */
  readonly missing: number
  readonly timeline: {
    readonly slot_ms: number
    readonly operations: readonly number[]
    readonly max_ns: readonly number[]
  }
  /** The same apart for each kind of operation, where a step mixes them. */
  readonly operations_by_name: readonly MeasureReport[]
}

/** One store that was measured. */
export interface TargetReport {
  readonly name: string
  readonly engine: string
  readonly how: string
  /** `null` where that is a matter of a server. */
  readonly durable: boolean | null
  /** Seconds it took to store the records before the first step; 0 when there were none. */
  readonly preload_seconds: number
  readonly steps: readonly StepReport[]
  /** Steps it cannot do. */
  readonly unsupported: readonly string[]
}

/** What was asked for. */
export interface SettingsReport {
  readonly workload: string
  readonly records: number
  readonly key_bytes: number
  readonly value_bytes: number
  readonly concurrency: number
  readonly seed: number
  /** The user's own store, or `null` for a temporary one. */
  readonly location: string | null
  /** `null`: as the server is set. */
  readonly durable: boolean | null
  /** Of each step; `null` where operations were counted instead. */
  readonly duration_ms: number | null
  readonly operations: number | null
  readonly warmup_ms: number
  readonly rounds: number
}

/** Where it was measured. */
export interface MachineReport {
  readonly cpu: string
  readonly cores: number
  readonly memory_bytes: number
  readonly platform: string
  readonly node: string
  readonly load_average: number
  /** Of the store; `null` where the system does not say, and of a store elsewhere. */
  readonly file_system: string | null
  /** Of the peers, where it is another than the store's. */
  readonly peers_file_system: string | null
  /** What the clock adds to every latency, in nanoseconds. */
  readonly clock_ns: number
}

/** What a comparison says of a step. */
export type Verdict =
  | 'faster'
  | 'slower'
  | 'within noise'
  | 'too few to tell'
  | 'unsure: the machine was busy'
  | 'unsure: so did the machine'

/** A step against the same step of an older report. */
export interface ComparedStep {
  readonly step: string
  /** The median of the rounds. */
  readonly old_per_second: number
  readonly new_per_second: number
  /** New over old. */
  readonly ratio: number
  readonly verdict: Verdict
  /** False where the verdict is that it is quicker or slower. */
  readonly noise: boolean
}

/** A run against an older one. */
export interface Comparison {
  /** When the older run was made. */
  readonly created: string
  readonly differences: readonly string[]
  readonly steps: readonly ComparedStep[]
}

/** A whole run, as `--json` prints it. No number in it is ever NaN or infinite. */
export interface Report {
  readonly schema: typeof SCHEMA
  readonly created: string
  readonly kv: string
  readonly machine: MachineReport
  readonly settings: SettingsReport
  /** kv first, then its peers. */
  readonly targets: readonly TargetReport[]
  /** Peers that were not measured, and why. */
  readonly absent: readonly { readonly name: string; readonly reason: string }[]
  /** With `--compare`. */
  readonly comparison: Comparison | null
}
