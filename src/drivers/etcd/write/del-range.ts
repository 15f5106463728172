import { successor } from '../../../bytes.ts'
import type { RangeQuery } from '../../../store/driver/driver.ts'
import { Unclear, unknownOutcome } from '../cluster/failures.ts'
import type { EtcdRange } from '../keys.ts'
import { METHODS, type Step, type Stored, type TxnAnswer } from '../wire/messages.ts'
import { isAt } from './conditions.ts'
import type { Attempt, Target } from './target.ts'

/** How long a member may take, in milliseconds: it deletes entry by entry. */
const TRY_MS = 30_000
/** Keys that are read at a time. */
const PAGE = 10_000

/**
 * Deletes every entry of a range in one step, and tells how many there were, without those that have expired: where etcd has
 * not removed these yet, they are read in the same step, or when they are many, removed before.
 */
export async function delRange(target: Target, query: RangeQuery, attempt: Attempt): Promise<number> {
  const range = target.keys.range(query)
  const most = target.maxTxnOps - 1
  let expired = await expiredIn(target, range, attempt)
  while (expired.length > most) {
    await remove(target, expired.splice(0, target.maxTxnOps), attempt)
    if (expired.length <= most) expired = await expiredIn(target, range, attempt)
  }
  // Where the answer is lost, entries from before tell whether it was done.
  if (target.newest === 0) await target.send({ success: [] }, 'read', attempt)
  const since = target.newest
  const success: Step[] = [...expired.map(({ key }) => ({ range: { key, keysOnly: true } })), { deleteRange: range }]
  const long = { ...attempt, tryMs: TRY_MS }
  let witness: Stored | undefined
  let lost: Error | undefined
  for (;;) {
    try {
      const compare = witness === undefined ? [] : [isAt(witness.key, witness.modRevision)]
      const { succeeded, responses } = await target.send({ compare, success }, 'write', long)
      if (succeeded) return livingOf(target, responses)
    } catch (error) {
      if (!(error instanceof Unclear)) throw lost ?? error
      lost = unknownOutcome(attempt.what, error.cause)
    }
    // While an entry from before is there, nothing was deleted; nor is it later, unless that entry is still the same.
    witness = await oldOf(target, range, since, attempt).catch(() => undefined)
    if (witness === undefined) throw lost!
  }
}

/** How many of the entries that were deleted had not expired, by the answers to `success`. */
function livingOf(target: Target, responses: TxnAnswer['responses']): number {
  let count = 0
  for (const { range, deleteRange } of responses) {
    count += deleteRange?.deleted ?? 0
    const [stored] = range?.kvs ?? []
    if (stored !== undefined && target.living(stored) === undefined) count--
  }
  return count
}

/** What has expired of a range and is there for etcd. */
async function expiredIn(target: Target, range: EtcdRange, attempt: Attempt): Promise<Stored[]> {
  const { until, signal } = attempt
  if (!(await target.leases.mayBeOver({ partOfWrite: true, until, signal }))) return []
  const expired: Stored[] = []
  for await (const page of pagesOf(target, range, attempt))
    expired.push(...page.filter((stored) => target.living(stored) === undefined))
  return expired
}

/** An entry of a range that is not newer than a revision. */
async function oldOf(
  target: Target,
  range: EtcdRange,
  revision: number,
  attempt: Attempt,
): Promise<Stored | undefined> {
  if (revision === 0) return undefined
  for await (const page of pagesOf(target, range, attempt)) {
    const old = page.find(({ modRevision }) => modRevision <= revision)
    if (old !== undefined) return old
  }
  return undefined
}

/** The keys of a range, of one moment. */
async function* pagesOf(
  target: Target,
  { key: first, rangeEnd }: EtcdRange,
  { until, signal }: Attempt,
): AsyncGenerator<Stored[], void, void> {
  const tries = { kind: 'read', partOfWrite: true, tryMs: TRY_MS, until, signal } as const
  let revision = 0
  let more = true
  for (let key = first; more;) {
    const page = await target.cluster.call(
      METHODS.range,
      { key, rangeEnd, revision, limit: PAGE, keysOnly: true },
      tries,
    )
    revision ||= page.header!.revision
    target.newest = Math.max(target.newest, revision)
    yield page.kvs
    more = page.more
    if (more) key = successor(page.kvs.at(-1)!.key)
  }
}

/** Removes entries, unless they were written anew. */
async function remove(target: Target, entries: readonly Stored[], attempt: Attempt): Promise<void> {
  const compare = entries.map(({ key, modRevision }) => isAt(key, modRevision))
  const success = entries.map(({ key }) => ({ deleteRange: { key } }))
  try {
    const { succeeded } = await target.send({ compare, success }, 'write', attempt)
    if (succeeded || entries.length === 1) return
  } catch (error) {
    // What is left of them is found again.
    if (error instanceof Unclear) return
    throw error
  }
  const half = Math.ceil(entries.length / 2)
  await remove(target, entries.slice(0, half), attempt)
  await remove(target, entries.slice(half), attempt)
}
