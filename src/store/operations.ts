import { asBuffer } from '../bytes.ts'
import { KvError, usageError } from '../errors.ts'
import type { Driver, Limits } from './driver/driver.ts'
import type { KeyCondition, Op, Put } from './driver/entry.ts'
import { lifetimeOf } from './expiry.ts'
import { type KeyInput, bytesOf, checkNames, checkOptions, conditionOf, kindOf, ownBytesOf } from './input.ts'
import type { BatchOp, BatchOptions, PutOptions } from './write-options.ts'

/** The bytes of a key to read, not copied for a driver that answers at once. Throws as {@link ownKeyOf}. */
export function keyOf(input: KeyInput, { limits, supports }: Driver): Uint8Array {
  return supports.syncReads ? fitting(bytesOf(input, 'KV_INVALID_KEY', 'key'), limits) : ownKeyOf(input, limits)
}

/** A copy of the bytes of a key. Throws `KV_INVALID_KEY` for the empty one and for what is no key, `KV_TOO_LARGE`. */
export function ownKeyOf(input: KeyInput, limits: Limits): Uint8Array {
  return fitting(ownBytesOf(input, 'KV_INVALID_KEY', 'key'), limits)
}

/** The put of an entry. Throws `KV_TOO_LARGE` over a limit, and `KV_USAGE` for a value or lifetime that is none. */
export function putOf(
  key: KeyInput,
  value: KeyInput,
  lifetime: Pick<PutOptions, 'expires' | 'ttl'>,
  limits: Limits,
): Put {
  const { expires, ttl } = lifetimeOf(lifetime, limits.expiryStepMs)
  const op: Put = {
    type: 'put',
    key: ownKeyOf(key, limits),
    value: ownBytesOf(value, 'KV_USAGE', 'value'),
    expires,
    ttl,
  }
  checkSize(op, limits)
  return op
}

/**
 * The operations of a batch; only the last on each key unless `supports.repeatedKeys`. Throws `KV_TOO_LARGE` for a batch
 * or an entry over a limit, and `KV_USAGE` for what is no operation.
 */
export function opsOf(inputs: readonly BatchOp[], { limits, supports, batchHint: hint }: Driver): Op[] {
  if (!Array.isArray(inputs)) throw usageError(`the operations of a batch are an array, not ${kindOf(inputs)}`)
  if (supports.repeatedKeys) checkCount(inputs.length, limits, hint)
  const all = inputs.map((op: BatchOp) => opOf(op, limits))
  const ops = supports.repeatedKeys ? all : lastOfEachKey(all)
  checkCount(ops.length, limits, hint)
  const bytes = ops.reduce((sum, op) => sum + sizeOf(op, limits), 0)
  if (bytes > limits.maxBatchBytes) {
    const message = `a batch of ${bytes} bytes is over this store's limit of ${limits.maxBatchBytes}`
    throw new KvError('KV_TOO_LARGE', message, { hint })
  }
  return ops
}

/** The conditions of a batch. Throws `KV_TOO_LARGE` for more than a batch may have operations, and `KV_USAGE`. */
export function conditionsOf(
  inputs: BatchOptions['conditions'],
  { limits, batchHint }: Driver,
): KeyCondition[] | undefined {
  if (inputs === undefined) return undefined
  if (!Array.isArray(inputs)) throw usageError(`the conditions of a batch are an array, not ${kindOf(inputs)}`)
  checkCount(inputs.length, limits, batchHint)
  return (inputs as NonNullable<typeof inputs>).map((input) => {
    checkOptions(input ?? null, ['key', 'condition'], 'a condition of a batch')
    const { key } = input
    const condition = conditionOf(input.condition)
    if (condition === undefined) throw usageError('a condition of a batch is missing')
    return { key: ownKeyOf(key, limits), condition }
  })
}

/** What an operation takes of a batch, in bytes. */
export function sizeOf(op: Op, { opOverheadBytes }: Limits): number {
  return op.key.length + (op.type === 'put' ? op.value.length : 0) + opOverheadBytes
}

/** Throws `KV_TOO_LARGE` for a put whose value is over the limit, or key and value together. */
export function checkSize(op: Put, limits: Limits): void {
  if (op.value.length > limits.maxValueBytes) throw tooLarge('a value', op.value.length, limits.maxValueBytes)
  const max = Math.min(limits.maxEntryBytes, limits.maxBatchBytes)
  const size = sizeOf(op, limits)
  if (size > max) throw tooLarge('a key and a value', size, max)
}

/** A text that is the same for the same key, and for no other. */
export function keyId(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}

function fitting(key: Uint8Array, { maxKeyBytes }: Limits): Uint8Array {
  if (key.length === 0) throw new KvError('KV_INVALID_KEY', 'the empty key cannot be stored')
  if (key.length > maxKeyBytes) throw tooLarge('a key', key.length, maxKeyBytes)
  return key
}

function tooLarge(what: string, bytes: number, limit: number): KvError {
  return new KvError('KV_TOO_LARGE', `${what} of ${bytes} bytes is over this store's limit of ${limit}`)
}

function checkCount(count: number, { maxBatchOps }: Limits, hint: string | undefined): void {
  if (count <= maxBatchOps) return
  const message = `a batch of ${count} operations is over this store's limit of ${maxBatchOps}`
  throw new KvError('KV_TOO_LARGE', message, { hint })
}

function lastOfEachKey(ops: readonly Op[]): Op[] {
  const last = new Map(ops.map((op) => [keyId(op.key), op]))
  return last.size === ops.length ? [...ops] : ops.filter((op) => last.get(keyId(op.key)) === op)
}

function opOf(op: BatchOp, limits: Limits): Op {
  const type = (op as { type?: unknown } | null | undefined)?.type
  if (type !== 'put' && type !== 'del') {
    const what = typeof type === 'string' ? JSON.stringify(type) : kindOf(op)
    throw usageError(`an operation of a batch is a put or a del, not ${what}`)
  }
  if (op.type === 'del') {
    checkNames(op, ['type', 'key'], 'a del of a batch')
    return { type: 'del', key: ownKeyOf(op.key, limits) }
  }
  checkNames(op, ['type', 'key', 'value', 'expires', 'ttl'], 'a put of a batch')
  return putOf(op.key, op.value, op, limits)
}
