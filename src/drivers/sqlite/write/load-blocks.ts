import { type Block, hasTtl } from '../../../blocks/block.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { BlockSpool } from './block-spool.ts'
import { type Loaded, blockLoader } from './bulk-insert.ts'
import type { Transaction } from './transaction.ts'
import type { Writer } from './writer.ts'

/** How blocks are loaded as they come. */
export interface LoadAsTheyComeOptions {
  readonly now: Clock
  readonly ifAbsent: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Loads blocks as they come, in one commit; `undefined` when none comes. Takes the lock when the first block is there:
 * waiting for it must not keep others from writing.
 */
export async function loadAsTheyCome(
  writer: Writer,
  blocks: AsyncIterator<Block>,
  options: LoadAsTheyComeOptions,
): Promise<Loaded | undefined> {
  const first = await blocks.next()
  if (first.done === true) return undefined
  try {
    return await writer.writeLong(async (transaction) => {
      const existing = await loadAll(transaction, first.value, blocks, options)
      return { revision: transaction.revision, existing }
    }, options.signal)
  } finally {
    await blocks.return?.()
  }
}

/**
 * Loads blocks as {@link blockLoader} does; returns how many puts were left. A time to live counts from the end: the first
 * block with one, and all after it, wait.
 */
async function loadAll(
  transaction: Transaction,
  first: Block,
  more: AsyncIterator<Block>,
  { now, ifAbsent }: LoadAsTheyComeOptions,
): Promise<number> {
  const load = blockLoader(transaction, ifAbsent)
  let left = 0
  let spool: BlockSpool | undefined
  try {
    for (let block: Block | undefined = first; block !== undefined;) {
      if (spool === undefined && hasTtl(block)) spool = new (await import('./block-spool.ts')).BlockSpool()
      if (spool === undefined) left += load(block)
      else spool.add(block)
      const next = await more.next()
      block = next.done === true ? undefined : next.value
    }
    if (spool !== undefined) for (const block of spool.blocks()) left += load(block, now())
    return left
  } finally {
    spool?.close()
  }
}
