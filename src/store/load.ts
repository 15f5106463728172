import { type Block, type Blocks, blockKey, blockOps, blockPart, blockValue } from '../blocks/block.ts'
import { compareBytes } from '../bytes.ts'
import { KvError, interrupted, usageError } from '../errors.ts'
import type { Driver, Limits } from './driver/driver.ts'
import type { DriverLoadOptions, LoadedPart } from './driver/load.ts'
import type { Op, Put } from './driver/entry.ts'
import { roundedUp } from './expiry.ts'
import { checkFunction, checkOptions, flagOf, kindOf } from './input.ts'
import type { CollectOptions } from './stream/load-stream.ts'
import { checkSize, keyId, sizeOf } from './operations.ts'

/** How blocks are loaded. */
export interface LoadOptions extends DriverLoadOptions {
  /** Told how many entries are stored for certain, as parts of a load that is not atomic are; last before it fails. */
  readonly onProgress?: ((entries: number) => void) | undefined
}

/** The options of a load. Throws `KV_USAGE` for options that are none, and blocks that are none. */
export function checkLoad(blocks: Blocks, options: LoadOptions): LoadOptions & { readonly atomic: boolean } {
  checkOptions(options, ['atomic', ...NAMES], 'load')
  const atomic = flagOf(options.atomic, 'atomic') ?? true
  return { ...checkCommon(blocks, options, 'load'), atomic }
}

/** Options that every way of loading has. */
const NAMES = ['ifAbsent', 'onExisting', 'onProgress', 'signal']

/** The same for a stream of blocks. */
export function checkLoadStream(blocks: Blocks, options: CollectOptions): CollectOptions {
  checkOptions(options, ['atomic', 'onCollected', ...NAMES], 'loadStream')
  checkFunction(options.onCollected, 'onCollected')
  const atomic = flagOf(options.atomic, 'atomic') ?? false
  return { ...checkCommon(blocks, options, 'loadStream'), atomic }
}

function checkCommon<O extends Omit<LoadOptions, 'atomic'>>(blocks: Blocks, options: O, what: string): O {
  const ifAbsent = flagOf(options.ifAbsent, 'ifAbsent') ?? false
  checkFunction(options.onExisting, 'onExisting')
  checkFunction(options.onProgress, 'onProgress')
  if (!(Symbol.iterator in Object(blocks)) && !(Symbol.asyncIterator in Object(blocks)))
    throw usageError(`the blocks of ${what} are iterable, not ${kindOf(blocks)}`)
  return { ...options, ifAbsent }
}

/** Loads blocks as the driver does, or in batches where it has no load of its own. */
export async function load(
  driver: Driver,
  blocks: Blocks,
  options: LoadOptions & { readonly atomic: boolean },
): Promise<number> {
  const { atomic, ifAbsent, onExisting, signal } = options
  if (driver.load !== undefined) return driver.load(blocks, { atomic, ifAbsent, onExisting, signal })
  return atomic ? loadAtOnce(driver, blocks, options) : loadInBatches(driver, blocks, options)
}

/**
 * Loads blocks as one batch, for a driver without `load`. Throws `KV_TOO_LARGE` when they are over its limits, and
 * `KV_NOT_SUPPORTED` with `ifAbsent`.
 */
async function loadAtOnce(driver: Driver, blocks: Blocks, { ifAbsent, signal }: LoadOptions): Promise<number> {
  if (ifAbsent === true) {
    throw new KvError('KV_NOT_SUPPORTED', 'this store cannot put only absent keys all at once or not at all', {
      hint: 'without --atomic (in a program: atomic: false) it puts them one by one',
    })
  }
  const { limits } = driver
  const { maxBatchOps, maxBatchBytes } = limits
  const ops = new Map<string, Op>()
  let bytes = 0
  for await (const block of blocks) {
    for (const op of opsOf(block, limits)) {
      const id = keyId(op.key)
      const old = ops.get(id)
      bytes += sizeOf(op, limits) - (old === undefined ? 0 : sizeOf(old, limits))
      ops.set(id, op)
      if (ops.size > maxBatchOps || bytes > maxBatchBytes) {
        const most = ops.size > maxBatchOps ? `${maxBatchOps} entries` : `${maxBatchBytes} bytes`
        throw new KvError('KV_TOO_LARGE', `this store puts at most ${most} all at once or not at all`, {
          hint: 'without --atomic (in a program: atomic: false) more are stored, in parts',
        })
      }
    }
  }
  return driver.batch([...ops.values()], { signal })
}

/**
 * The same in batches within the limits. Those of one block may be under way together, since it has each key once; with
 * `ifAbsent`, each put by itself, and those of one key one after the other. When one fails, no further is begun, and
 * those under way are waited for.
 */
async function loadInBatches(
  driver: Driver,
  blocks: Blocks,
  { ifAbsent = false, onExisting, onProgress, signal }: LoadOptions,
): Promise<number> {
  const underWay: { readonly done: Promise<LoadedPart>; readonly entries: number }[] = []
  let newest: number | undefined
  let stored = 0
  let existing = 0
  const { limits } = driver
  const isSingle = ifAbsent && driver.loadPart === undefined
  const oldest = async (): Promise<void> => {
    const part = await underWay[0]!.done
    stored += underWay.shift()!.entries
    newest = Math.max(newest ?? 0, part.revision)
    existing += part.existing
    onProgress?.(stored)
  }
  try {
    for await (const block of blocks) {
      for (const part of partsOf(block, isSingle ? { ...limits, maxBatchOps: 1 } : limits, ifAbsent)) {
        const most = part.isAgain ? 1 : limits.maxBatchesInFlight
        while (underWay.length >= most) await oldest()
        if (signal?.aborted) throw interrupted(signal)
        const done = loadPart(driver, part.block, ifAbsent, signal)
        done.catch(() => {})
        underWay.push({ done, entries: part.block.count })
      }
      while (underWay.length > 0) await oldest()
    }
  } catch (error) {
    // Nothing is known of the one that failed; those after it may have been stored all the same.
    const ends = await Promise.allSettled(underWay.map(({ done }) => done))
    for (const [i, { status }] of ends.entries()) if (status === 'fulfilled') stored += underWay[i]!.entries
    if (stored > 0) onProgress?.(stored)
    throw error
  }
  if (ifAbsent) onExisting?.(existing)
  return newest ?? driver.batch([], { signal })
}

/** Loads a part of a block in one step, or with `ifAbsent` where the driver cannot, of one entry. */
async function loadPart(
  driver: Driver,
  part: Block,
  ifAbsent: boolean,
  signal: AbortSignal | undefined,
): Promise<LoadedPart> {
  if (driver.loadPart !== undefined) return driver.loadPart(part, { ifAbsent, signal })
  const ops = [...opsOf(part, driver.limits)]
  const [op] = ops as [Op]
  if (!ifAbsent || op.type === 'del') return { revision: await driver.batch(ops, { signal }), existing: 0 }
  const { key, value, expires, ttl } = op
  const { applied, revision } = await driver.put(key, value, { expires, ttl, condition: { type: 'absent' }, signal })
  return { revision, existing: applied ? 0 : 1 }
}

/**
 * A block in parts that a batch can hold each. Throws `KV_TOO_LARGE` for an entry over a limit. Of equal keys each begins a
 * part, and `isAgain` tells it.
 */
function* partsOf(
  block: Block,
  limits: Limits,
  mayRepeat: boolean,
): Generator<{ readonly block: Block; readonly isAgain: boolean }, void, void> {
  const { count, keyLength, valueLength } = block
  const mostBytes = Math.min(limits.maxValueBytes, limits.maxEntryBytes, limits.maxBatchBytes)
  let from = 0
  let bytes = 0
  let isAgain = false
  for (let i = 0; i <= count; i++) {
    const size = i === count ? 0 : keyLength[i]! + valueLength[i]! + limits.opOverheadBytes
    if (size > mostBytes) checkSize({ type: 'put', key: blockKey(block, i), value: blockValue(block, i) }, limits)
    const isEqual = mayRepeat && i > 0 && i < count && compareBytes(blockKey(block, i), blockKey(block, i - 1)) === 0
    const isFull = i - from === limits.maxBatchOps || bytes + size > limits.maxBatchBytes
    if (i > from && (i === count || isEqual || isFull)) {
      yield { block: blockPart(block, from, i), isAgain }
      from = i
      bytes = 0
      isAgain = isEqual
    }
    bytes += size
  }
}

/** The operations of a block in memory of their own. Throws `KV_TOO_LARGE` for an entry over a limit. */
function* opsOf(block: Block, limits: Limits): Generator<Op, void, void> {
  for (const op of blockOps(block)) {
    const key = new Uint8Array(op.key)
    if (op.type === 'del') {
      yield { type: 'del', key }
      continue
    }
    const { expires, ttl } = roundedUp(op, limits.expiryStepMs)
    const put: Put = { type: 'put', key, value: new Uint8Array(op.value), expires, ttl }
    checkSize(put, limits)
    yield put
  }
}
