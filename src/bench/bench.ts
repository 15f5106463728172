import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { turn } from '../async.ts'
import { KvError } from '../errors.ts'
import { parseLocation } from '../drivers/location.ts'
import { Gauge } from './measure/gauge.ts'
import { checkRoom, fileSystemOf, isElsewhere, machineFacts } from './report/machine.ts'
import { openPeers } from './peers/index.ts'
import { type Report, SCHEMA, type TargetReport } from './report/report.ts'
import type { Store } from '../store/store.ts'
import { StoreTarget } from './targets/store-target.ts'
import { DEFAULT_DURATION_MS, type ProgressEvent, type Plan, ROUNDS, runSuite } from './measure/suite.ts'
import type { Target } from './targets/target.ts'
import { Workspace } from './workspace.ts'

/** How long operations under way may take to settle when the user has stopped the run, in milliseconds. */
const PATIENCE_MS = 2000

/** What `kv bench` was asked for. */
export interface BenchOptions {
  readonly plan: Plan
  /** Whether writes wait for the disk. */
  readonly durable: boolean
  /** The user's store to measure; `undefined`: a temporary one. */
  readonly location: string | undefined
  /** Opens the store at a place as the user's options say. */
  open(location: string, sync: boolean): Promise<Store>
  readonly peers: boolean
  /** Ends the benchmark early: it cleans up, then throws the signal's reason. */
  readonly signal: AbortSignal
  readonly version: string
  onProgress(event: ProgressEvent): void
}

/**
 * Measures a store, and its peers if asked for. Whatever happens, what it made is removed before
 * it settles: the temporary folder, or the keys in the user's store.
 */
export async function runBench(options: BenchOptions): Promise<Report> {
  const workspace = options.location === undefined || options.peers ? Workspace.make() : undefined
  const opened: Target[] = []
  let gauge: Gauge | undefined
  try {
    const location = options.location ?? join(workspace!.folder, 'store.kv')
    const path = pathOf(location)
    if (path !== undefined) checkRoom(dirname(path), bytesOf(options.plan))
    const store = await options.open(location, options.durable)
    const target = await StoreTarget.over(store, options.durable, options.location !== undefined).catch(
      async (error: unknown) => {
        await store.close()
        throw error
      },
    )
    opened.push(target)
    // A new store is a file only from its first write on; one that is there may be a link to another disk.
    const place = path === undefined || existsSync(path) ? path : dirname(path)
    const elsewhere = options.peers && (place === undefined || isElsewhere(place, workspace!.folder))
    const machine = machineFacts(
      place === undefined ? null : fileSystemOf(place),
      elsewhere ? fileSystemOf(workspace!.folder) : null,
    )
    const absent: { name: string; reason: string }[] = []
    if (options.peers)
      await openPeers({ folder: workspace!.folder, durable: options.durable, signal: options.signal }, opened, absent)
    const machineGauge = new Gauge(options.durable && options.location === undefined ? workspace!.folder : undefined)
    gauge = machineGauge
    const environment = {
      now: () => performance.now(),
      turn,
      gauge: () => machineGauge.measure(),
      signal: options.signal,
      patienceMs: PATIENCE_MS,
    }
    const targets = await runSuite(options.plan, opened, environment, {
      onProgress: options.onProgress,
      onFailure: (peer, error) =>
        absent.push({ name: peer.name, reason: `failed: ${error instanceof Error ? error.message : String(error)}` }),
    })
    return report(options, machine, targets, absent)
  } finally {
    try {
      await closeAll(opened)
    } finally {
      gauge?.close()
      workspace?.remove()
    }
  }
}

/** The file of a store; `undefined` for one that is in none, or none here. */
function pathOf(location: string): string | undefined {
  const { path } = parseLocation(location)
  return path === undefined ? undefined : resolve(path)
}

/** Of all keys and values, which is the least that a store of them takes. */
function bytesOf({ workload, options }: Plan): number {
  return options.records * (workload.key(0).length + options.valueBytes)
}

async function closeAll(targets: readonly Target[]): Promise<void> {
  const settled = await Promise.allSettled(targets.map((target) => target.close()))
  const [first] = settled
  // A peer that cannot be closed is no matter of the user's; a store that cannot be cleaned is.
  if (first?.status === 'rejected')
    throw first.reason instanceof KvError
      ? first.reason
      : new KvError('KV_IO', 'the store could not be closed', { cause: first.reason })
}

function report(
  { plan, location, version }: BenchOptions,
  machine: Report['machine'],
  targets: TargetReport[],
  absent: Report['absent'],
): Report {
  const { workload, options, concurrency, durationMs, ops, warmupMs } = plan
  const whole = workload.steps.some((step) => step.total !== undefined)
  return {
    schema: SCHEMA,
    created: new Date().toISOString(),
    kv: version,
    machine,
    settings: {
      workload: workload.name,
      records: options.records,
      key_bytes: workload.key(0).length,
      value_bytes: options.valueBytes,
      concurrency,
      seed: options.seed,
      location: location ?? null,
      durable: targets[0]!.durable,
      duration_ms: durationMs ?? (ops !== undefined || whole ? null : DEFAULT_DURATION_MS),
      operations: ops ?? null,
      warmup_ms: warmupMs,
      rounds: ROUNDS,
    },
    targets,
    absent,
    comparison: null,
  }
}
