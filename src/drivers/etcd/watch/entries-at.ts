import { KvError } from '../../../errors.ts'
import { changesGone } from '../../kit/log-position.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { EtcdRange } from '../keys.ts'
import { METHODS, type Stored } from '../wire/messages.ts'
import { successor } from '../../../bytes.ts'

/** Entries of the first page, and bytes of keys and values that the others are to have. */
const FIRST_ENTRIES = 256
const PAGE_BYTES = 2 * 1024 * 1024
const MOST_ENTRIES = 20_000

/** A page takes longer than a short call. */
const PAGE_MS = 30_000

/** A page of entries. */
export interface Page {
  readonly kvs: readonly Stored[]
  readonly isLast: boolean
}

/** The entries of a range at a revision, expired ones too, in pages. Throws `KV_WATCH_GAP` when it is compacted away. */
export async function* entriesAt(
  cluster: Cluster,
  { key, rangeEnd }: EtcdRange,
  {
    revision,
    keysOnly,
    signal,
  }: { readonly revision: number; readonly keysOnly: boolean; readonly signal: AbortSignal },
): AsyncGenerator<Page, void, void> {
  let limit = FIRST_ENTRIES
  for (;;) {
    const { kvs, more } = await cluster
      .call(METHODS.range, { key, rangeEnd, revision, limit, keysOnly }, { kind: 'read', tryMs: PAGE_MS, signal })
      .catch((error: unknown) => {
        throw isCompacted(error) ? changesGone() : error
      })
    yield { kvs, isLast: !more }
    if (!more) return
    key = successor(kvs.at(-1)!.key)
    let bytes = 0
    for (const kv of kvs) bytes += kv.key.length + kv.value.length + 32
    limit = Math.min(MOST_ENTRIES, Math.max(1, Math.floor((PAGE_BYTES * kvs.length) / bytes)))
  }
}

/** Whether a revision that was asked for is no longer there. */
export function isCompacted(error: unknown): boolean {
  return error instanceof KvError && error.code === 'KV_SNAPSHOT_LOST'
}
