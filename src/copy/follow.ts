import { type Block, blockOf } from '../blocks/block.ts'
import { compareBytes } from '../bytes.ts'
import type { Change } from '../store/driver/entry.ts'
import { keyId } from '../store/operations.ts'
import type { Store } from '../store/store.ts'
import type { Watch } from '../store/watch.ts'

/** Changes that are stored. */
export interface AppliedChanges {
  readonly put: number
  readonly deleted: number
  /** A watch of the source that goes on after this misses nothing. */
  readonly position: string
}

/**
 * Does in another store what a watch reports, a page at a time, until the watch ends: it throws what ended it. To do
 * changes again, which are in the store already, ends with the same entries.
 */
export async function applyChanges(
  watch: Watch,
  to: Store,
  signal: AbortSignal,
  onApplied: (changes: AppliedChanges) => void,
): Promise<void> {
  for await (const page of watch.pages()) {
    const block = changesBlock(page)
    await to.load([block], { atomic: false, signal })
    const deleted = block.deleted?.reduce((sum, is) => sum + is, 0) ?? 0
    onApplied({ put: block.count - deleted, deleted, position: watch.position })
  }
}

/** What comes of changes: of several of a key, the last. */
function changesBlock(changes: readonly Change[]): Block {
  const last = new Map(changes.map((change) => [keyId(change.key), change]))
  const sorted = [...last.values()].sort((a, b) => compareBytes(a.key, b.key))
  const block = blockOf(sorted.map((change) => (change.type === 'put' ? change : { key: change.key, value: NOTHING })))
  return sorted.some(({ type }) => type === 'del')
    ? { ...block, deleted: Uint8Array.from(sorted, ({ type }) => (type === 'del' ? 1 : 0)) }
    : block
}

const NOTHING = new Uint8Array()
