/** Writers on a real etcd cluster of three members while one is killed or hangs, and what came of what they wrote. */
import { setTimeout as delay } from 'node:timers/promises'
import type { KvError, PutResult, Store, openStore } from '../../src/index.ts'
import type { EtcdCluster, EtcdMember } from './etcd-cluster.ts'

/** What happens to a cluster of three; settles when it has happened. `client` is the member that the writers ask. */
export type Fault = (cluster: EtcdCluster, client: EtcdMember) => Promise<void>

const follower = async (cluster: EtcdCluster): Promise<EtcdMember> => (await cluster.followers())[0]!

/** The faults by their names. */
export const FAULTS = {
  'kill -9 of the leader': async (cluster) => (await cluster.leader()).kill(),
  'kill -9 of the member that is asked': (_, client) => client.kill(),
  'SIGTERM of the leader': async (cluster) => (await cluster.leader()).signal('SIGTERM'),
  'SIGSTOP of the leader': async (cluster) => (await cluster.leader()).signal('SIGSTOP'),
  'SIGSTOP of a follower': async (cluster) => (await follower(cluster)).signal('SIGSTOP'),
  'SIGSTOP of the member that is asked': async (_, client) => client.signal('SIGSTOP'),
  'two of three gone for 4 s': async (cluster) => {
    const gone = [await cluster.leader(), await follower(cluster)]
    await Promise.all(gone.map((member) => member.kill()))
    await delay(4000)
    await gone[0]!.restart()
  },
} as const satisfies Record<string, Fault>

/** What came of a run. */
export interface FaultReport {
  /** Puts, batches and steps of the counter that were acknowledged. */
  readonly acknowledged: number
  /** Of those, how many are not there. */
  readonly lost: number
  /** Keys that were written more than once, and steps of the counter that nobody asked for. */
  readonly twice: number
  /** Batches of which only a part is there. */
  readonly partial: number
  /** Writes that were said not to have been done, and are there. */
  readonly undead: number
  /** Writes of which it was said that nobody knows. */
  readonly unknown: number
  /** Writes that failed in another way. */
  readonly failed: number
  /** Writes that a member made once more when it no longer hung: it had taken them in, and was asked no more. */
  readonly late: number
  /** The longest time without an acknowledged put from the fault on, in milliseconds. */
  readonly longestGapMs: number
}

/** How the writers go on. */
export interface FaultRun {
  /** How long they write before the fault and after it, in milliseconds, and no less than 100 puts each. */
  readonly beforeMs?: number
  readonly afterMs?: number
  readonly open: typeof openStore
}

const PUTTERS = 8
const BATCH_KEYS = 20

/** Runs eight putters, one that writes batches and one that counts, on a cluster of three; then the members run again. */
export async function runFault(cluster: EtcdCluster, fault: Fault, run: FaultRun): Promise<FaultReport> {
  const { beforeMs = 0, afterMs = 0, open } = run
  const store = await open(cluster.location('f'))
  const writers = new Writers(store)
  try {
    await Promise.all([writers.morePuts(100), delay(beforeMs)])
    const client = await busiest(cluster)
    const from = performance.now()
    await Promise.all([fault(cluster, client).then(() => writers.morePuts(100)), delay(afterMs)])
    await writers.stop()
    const longestGapMs = writers.longestGapSince(from)
    const report = writers.compare(await versions(cluster))
    await Promise.all(cluster.members.map((member) => (member.isAwake ? undefined : wake(member))))
    const { twice } = writers.compare(await versions(cluster))
    return { ...report, late: twice - report.twice, longestGapMs }
  } finally {
    await writers.stop()
    await store.close()
  }
}

/** The member that has served the most calls. */
async function busiest(cluster: EtcdCluster): Promise<EtcdMember> {
  const calls = await Promise.all(cluster.members.map((member) => member.calls()))
  return cluster.members[calls.indexOf(Math.max(...calls))]!
}

type Outcome = 'done' | 'condition' | 'unknown' | 'not done' | 'failed'

class Writers {
  readonly #store: Store
  readonly #puts = new Map<string, Outcome>()
  readonly #batches = new Map<string, Outcome>()
  readonly #steps: Outcome[] = []
  /** When each put was acknowledged. */
  readonly #times: number[] = []
  readonly #ended: Promise<unknown>
  #stopped = false

  constructor(store: Store) {
    this.#store = store
    this.#ended = Promise.all([
      ...Array.from({ length: PUTTERS }, (_, n) => this.#putter(n)),
      this.#batcher(),
      this.#counter(),
    ])
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }

  /** Settles once so many more puts have been acknowledged. */
  async morePuts(count: number): Promise<void> {
    const enough = this.#times.length + count
    while (this.#times.length < enough) await delay(5)
  }

  longestGapSince(from: number): number {
    const times = [from, ...this.#times.filter((time) => time > from)]
    return Math.max(...times.slice(1).map((time, n) => time - times[n]!))
  }

  async #putter(n: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `put:${n}:${i}`
      const outcome = await outcomeOf(this.#store.put(key, key))
      this.#puts.set(key, outcome)
      if (outcome === 'done') this.#times.push(performance.now())
    }
  }

  async #batcher(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const ops = Array.from(
        { length: BATCH_KEYS },
        (_, k) => ({ type: 'put', key: `batch:${i}:${k}`, value: `${i}` }) as const,
      )
      this.#batches.set(`batch:${i}`, await outcomeOf(this.#store.batch(ops)))
    }
  }

  /** One that adds 1 to a number, on the condition that nobody has in the meantime. */
  async #counter(): Promise<void> {
    while (!this.#stopped) {
      const entry = await this.#store.getEntry('counter').catch(() => null)
      if (entry === null) continue
      const next = String(Number(entry === undefined ? 0 : Buffer.from(entry.value).toString()) + 1)
      const condition = entry
        ? ({ type: 'revision', revision: entry.revision } as const)
        : ({ type: 'absent' } as const)
      this.#steps.push(await outcomeOf(this.#store.put('counter', next, { condition })))
    }
  }

  /** Compares with what is there. */
  compare(there: ReadonlyMap<string, Version>): Omit<FaultReport, 'late' | 'longestGapMs'> {
    const outcomes = [...this.#puts.values(), ...this.#batches.values(), ...this.#steps]
    const count = (outcome: Outcome): number => outcomes.filter((one) => one === outcome).length
    let [lost, twice, partial, undead] = [0, 0, 0, 0]
    for (const [key, outcome] of this.#puts) {
      const entry = there.get(key)
      if (outcome === 'done' && entry?.value !== key) lost++
      if (outcome === 'not done' && entry !== undefined) undead++
      if (entry !== undefined && entry.version > 1) twice++
    }
    for (const [key, outcome] of this.#batches) {
      const parts = Array.from({ length: BATCH_KEYS }, (_, k) => there.get(`${key}:${k}`))
      const found = parts.filter((entry) => entry !== undefined)
      if (found.length > 0 && found.length < BATCH_KEYS) partial++
      if (outcome === 'done' && found.length < BATCH_KEYS) lost++
      if (outcome === 'not done' && found.length > 0) undead++
      if (found.some(({ version }) => version > 1)) twice++
    }
    const steps = Number(there.get('counter')?.value ?? 0)
    const done = this.#steps.filter((outcome) => outcome === 'done').length
    const maybe = this.#steps.filter((outcome) => outcome === 'unknown').length
    lost += Math.max(0, done - steps)
    twice += Math.max(0, steps - done - maybe)
    const failed = count('not done') + count('failed')
    return { acknowledged: count('done'), lost, twice, partial, undead, unknown: count('unknown'), failed }
  }
}

async function outcomeOf(write: Promise<PutResult | number>): Promise<Outcome> {
  try {
    const result = await write
    // A step of unknown outcome may be done after the entry was read again.
    return typeof result === 'object' && !result.applied ? 'condition' : 'done'
  } catch (error) {
    const { code } = error as KvError
    if (code === 'KV_UNKNOWN_OUTCOME') return 'unknown'
    return code === 'KV_UNAVAILABLE' ? 'not done' : 'failed'
  }
}

/** Has a member go on, or run again. */
async function wake(member: EtcdMember): Promise<void> {
  if (member.isRunning) member.signal('SIGCONT')
  else await member.start()
  await member.ready()
}

/** An entry, with how often its key was written. */
interface Version {
  readonly value: string
  readonly version: number
}

/** Every entry of the store. */
async function versions(cluster: EtcdCluster): Promise<Map<string, Version>> {
  const text = await cluster.ctl('get', '--prefix', 'f/', '--write-out=json')
  const { kvs = [] } = JSON.parse(text) as { kvs?: { key: string; value: string; version: number }[] }
  const plain = (base64: string): string => Buffer.from(base64, 'base64').toString()
  return new Map(kvs.map(({ key, value, version }) => [plain(key).slice(2), { value: plain(value), version }]))
}
