import { existsSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { turn } from '../async.ts'
import { parseLocation } from '../drivers/location.ts'
import { KvError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { Gauge } from './measure/gauge.ts'
import { DEFAULT_DURATION_MS, type Plan, type ProgressEvent, ROUNDS, runSuite } from './measure/suite.ts'
import { openPeers } from './peers/index.ts'
import { type Absence, absence } from './peers/peer.ts'
import { checkRoom, fileSystemOf, isElsewhere, machineFacts } from './report/machine.ts'
import { type Report, SCHEMA } from './report/report.ts'
import { storeTarget } from './targets/store-target.ts'
import type { Target } from './targets/target.ts'
import { makeWorkspace } from './workspace.ts'

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
  const { plan, durable, peers, signal } = options
  const isTemporary = options.location === undefined
  const folder = isTemporary || peers ? makeWorkspace() : undefined
  const opened: Target[] = []
  const absent: Absence[] = []
  let gauge: Gauge | undefined
  try {
    const location = options.location ?? join(folder!, 'store.kv')
    const path = pathOf(location)
    if (path !== undefined) checkRoom(dirname(path), bytesOf(plan))
    const store = await options.open(location, durable)
    const target = storeTarget(store, durable, !isTemporary).catch(async (error: unknown) => {
      await store.close()
      throw error
    })
    opened.push(await target)
    // A new store is a file only from its first write on; one that is there may be a link to another disk.
    const place = path === undefined || existsSync(path) ? path : dirname(path)
    const elsewhere = peers && (place === undefined || isElsewhere(place, folder!))
    const machine = machineFacts(
      place === undefined ? null : fileSystemOf(place),
      elsewhere ? fileSystemOf(folder!) : null,
    )
    if (peers) await openPeers({ folder: folder!, durable, signal }, opened, absent)
    gauge = new Gauge(durable && isTemporary ? folder : undefined)
    const environment = {
      now: () => performance.now(),
      turn,
      gauge: gauge.measure.bind(gauge),
      signal,
      patienceMs: PATIENCE_MS,
    }
    const targets = await runSuite(plan, opened, environment, {
      onProgress: options.onProgress,
      onFailure: ({ name }, error) => absent.push(absence(name, error)),
    })
    return {
      schema: SCHEMA,
      created: new Date().toISOString(),
      kv: options.version,
      machine,
      settings: settingsOf(options, opened[0]!.durable),
      targets,
      absent,
      comparison: null,
    }
  } finally {
    try {
      await closeAll(opened)
    } finally {
      gauge?.close()
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
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

function settingsOf({ plan, location }: BenchOptions, durable: boolean | null): Report['settings'] {
  const { workload, options, concurrency, durationMs, ops, warmupMs } = plan
  const hasEnd = ops !== undefined || workload.steps.some((step) => step.total !== undefined)
  return {
    workload: workload.name,
    records: options.records,
    key_bytes: workload.key(0).length,
    value_bytes: options.valueBytes,
    concurrency,
    seed: options.seed,
    location: location ?? null,
    durable,
    duration_ms: durationMs ?? (hasEnd ? null : DEFAULT_DURATION_MS),
    operations: ops ?? null,
    warmup_ms: warmupMs,
    rounds: ROUNDS,
  }
}
