import { KvError, interrupted } from '../../../errors.ts'
import type { Stat } from '../../../store/driver/driver.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { CallError } from '../cluster/transport.ts'
import { METHODS } from '../wire/messages.ts'

/** What the members of a cluster say of themselves. */
export interface Members {
  /** Of the largest file. */
  readonly sizeBytes: number
  readonly details: Stat['details']
}

/** A file of which less is in use has space in it that was not given back. */
const LITTLE_USED = 0.5
const LARGE_BYTES = 100 << 20
/** More changes than that are kept only where nobody told etcd to forget old ones. */
const LONG_HISTORY = 100_000
/** How long a member may take to read all of its data, in milliseconds. */
const HASH_MS = 120_000

/** Asks each member that the location names. What this user may not be told is left out. */
export async function askMembers(
  cluster: Cluster,
  { key, revision }: { readonly key: Uint8Array; readonly revision: number },
  signal: AbortSignal | undefined,
): Promise<Members> {
  const [told, members, isLong] = await Promise.all([
    cluster.callEach(METHODS.status, {}, signal),
    allowed(cluster.call(METHODS.memberList, {}, { kind: 'read', signal })),
    isHistoryLong(cluster, key, revision, signal),
  ])
  if (signal?.aborted === true) throw interrupted(signal)
  const answers = told.flatMap((answer) => (answer instanceof CallError ? [] : [answer]))
  const silent = told.flatMap((answer) => (answer instanceof CallError ? [answer.endpoint] : []))
  const most = (of: (answer: (typeof answers)[number]) => number): number => Math.max(0, ...answers.map(of))
  const sizeBytes = most(({ dbSize }) => dbSize)
  const inUse = most(({ dbSizeInUse }) => dbSizeInUse)
  const quota = most(({ dbSizeQuota }) => dbSizeQuota)
  const leaderId = answers.find(({ leader }) => leader !== 0n)?.leader
  const leader = members?.members.find(({ id }) => id === leaderId)
  const alarms = new Set(answers.flatMap(({ errors }) => errors).map((text) => text.trim()))
  const warning = isLong
    ? 'etcd keeps every old value: let it compact by itself (--auto-compaction-retention=1h), or run etcdctl compact'
    : sizeBytes > LARGE_BYTES && inUse > 0 && inUse < sizeBytes * LITTLE_USED
      ? 'more than half of the file is not in use: etcdctl defrag gives it back'
      : undefined
  return {
    sizeBytes,
    details: {
      ...(answers[0] && { etcd_version: answers[0].version }),
      ...(members && { members: members.members.length }),
      ...(leader && { leader: leader.name }),
      ...(silent.length > 0 && { no_answer: silent.toSorted().join(', ') }),
      ...(inUse > 0 && { in_use_bytes: inUse }),
      ...(quota > 0 && { quota_bytes: quota }),
      ...(alarms.size > 0 && { alarms: [...alarms].join('; ') }),
      ...(warning && { warning }),
    },
  }
}

/** What is wrong by what the members say, a line each: alarms, and data that are not the same on each of them. */
export async function problemsOf(
  cluster: Cluster,
  revision: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const told = await cluster.callEach(METHODS.status, {}, signal)
  const hashes = await cluster.callEach(METHODS.hashKv, { revision }, signal, HASH_MS)
  if (signal?.aborted === true) throw interrupted(signal)
  const alarms = new Set(told.flatMap((answer) => (answer instanceof CallError ? [] : answer.errors)))
  const problems = [...alarms].filter((text) => text.includes('CORRUPT')).map((text) => `alarm of etcd: ${text.trim()}`)
  const byCompaction = new Map<number, Set<number>>()
  for (const answer of hashes) {
    if (answer instanceof CallError) continue
    const found = byCompaction.get(answer.compactRevision) ?? new Set()
    byCompaction.set(answer.compactRevision, found.add(answer.hash))
  }
  for (const found of byCompaction.values())
    if (found.size > 1) problems.push(`the members do not hold the same data at revision ${revision}`)
  return problems
}

/** Whether more old changes are kept than anybody needs. */
async function isHistoryLong(
  cluster: Cluster,
  key: Uint8Array,
  revision: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (revision <= LONG_HISTORY) return false
  const old = { key, revision: revision - LONG_HISTORY, countOnly: true }
  try {
    await cluster.call(METHODS.range, old, { kind: 'read', signal })
    return true
  } catch (error) {
    if (error instanceof KvError && error.code === 'KV_SNAPSHOT_LOST') return false
    throw error
  }
}

async function allowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof KvError && error.code === 'KV_DENIED') return undefined
    throw error
  }
}
