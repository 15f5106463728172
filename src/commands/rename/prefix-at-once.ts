import { type Block, blockOf } from '../../blocks/block.ts'
import { compareBytes } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import { ownKeyOf } from '../../store/operations.ts'
import type { Store } from '../../store/store.ts'

/** A rename of every key that begins with `oldStart`, which is empty where all are meant. */
export interface PrefixRename {
  readonly oldStart: Uint8Array
  readonly newStart: Uint8Array
  /** Whether entries that are there are replaced. */
  readonly force: boolean
  readonly signal: AbortSignal
}

/** Whether a key begins with these bytes. */
export function beginsWith(key: Uint8Array, start: Uint8Array): boolean {
  return compareBytes(key.subarray(0, start.length), start) === 0
}

/** What is said of a new key that an entry has. */
export function taken(key: Uint8Array): KvError {
  return new KvError('KV_CONDITION', `not renamed: ${displayKey(key)} exists`, { hint: 'to replace it, add --force' })
}

/**
 * Renames all at once, in a store with `supports.exclusiveLoad`; memory stays flat however many there are. Resolves to how
 * many. Throws `KV_CONDITION` for a new key that is there, and for one that cannot be stored as a put does.
 */
export async function renamePrefixAtOnce(store: Store, rename: PrefixRename): Promise<number> {
  const { oldStart, newStart, force, signal } = rename
  const range = { prefix: oldStart, signal }
  if ((await store.count({ ...range, limit: 1 })) === 0) return 0
  let count = 0
  const newKey = (key: Uint8Array): Uint8Array =>
    ownKeyOf(Buffer.concat([newStart, key.subarray(oldStart.length)]), store.limits)
  const blocks = async function* (): AsyncGenerator<Block, void, void> {
    // Once the next is asked for nobody else writes, and what is read is what is there until the commit.
    yield blockOf([])
    if (!force) await checkFree(store, rename, newKey)
    // All deletes first: a new key may be an old one as well, whose delete must not come after its put.
    for await (const page of store.rangePages({ ...range, keysOnly: true })) {
      count += page.length
      yield { ...blockOf(page), deleted: new Uint8Array(page.length).fill(1) }
    }
    for await (const page of store.rangePages(range))
      yield blockOf(page.map(({ key, value, expires }) => ({ key: newKey(key), value, expires })))
  }
  await store.load(blocks(), { signal })
  return count
}

/** Throws `KV_CONDITION` when a new key is there and not one of those that are renamed. */
async function checkFree(
  store: Store,
  { oldStart, newStart, signal }: PrefixRename,
  newKey: (key: Uint8Array) => Uint8Array,
): Promise<void> {
  const keys = keysOf(store, newStart, signal)
  try {
    let there = await keys.next()
    for await (const old of keysOf(store, oldStart, signal)) {
      const wanted = newKey(old)
      while (there.done !== true && compareBytes(there.value, wanted) < 0) there = await keys.next()
      if (there.done === true) return
      if (compareBytes(there.value, wanted) === 0 && !beginsWith(wanted, oldStart)) throw taken(wanted)
    }
  } finally {
    await keys.return()
  }
}

async function* keysOf(store: Store, prefix: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  for await (const page of store.rangePages({ prefix, keysOnly: true, signal })) for (const { key } of page) yield key
}
