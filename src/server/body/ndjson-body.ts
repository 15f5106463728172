import { isUtf8 } from 'node:buffer'
import { decode, utf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { BlockBuilder } from '../../blocks/block-builder.ts'
import { jsonLinesParser } from '../../formats/json/lines-reader.ts'
import { type BadRecord, explain } from '../../formats/record-reader.ts'
import { DeferredText } from '../../formats/deferred-text.ts'
import { PLAIN, writeJsonBytes, writeJsonEntry } from '../../formats/json/writer.ts'
import { lifetimeOf } from '../../blocks/block.ts'
import type { Limits } from '../../store/driver/driver.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { BatchOp } from '../../store/write-options.ts'
import { withoutMark } from './body.ts'
import { tooMany } from '../http/http-error.ts'

/** Entries as JSON Lines, or only their keys as JSON strings. */
export function entryLines(entries: readonly (Entry | undefined)[], keysOnly: boolean): Generator<Buffer, void, void> {
  const out = new DeferredText()
  for (const entry of entries) {
    if (entry === undefined) out.text('null')
    else if (keysOnly) writeJsonBytes(out, 'key', entry.key, 'utf8')
    else writeJsonEntry(out, entry, PLAIN)
    out.text('\n')
  }
  return out.take()
}

/**
 * The operations of a batch, a line each: a record to put or to delete as `kv batch-put` reads it. They share the memory of the body, which is changed. Throws
 * `KV_INVALID_INPUT` with the number of the first wrong line, and 413 above `maxOps`.
 */
export function parseOps(body: Buffer, { maxKeyBytes, maxValueBytes }: Limits, maxOps: number): BatchOp[] {
  const ops = new OpCollector(body, maxOps)
  const skip = (bad: BadRecord): never => {
    throw new KvError('KV_INVALID_INPUT', `line ${bad.line}: ${explain(bad)}`)
  }
  jsonLinesParser({ maxKeyBytes, maxValueBytes, now: Date.now, skip }).parse(ops, body.length, true)
  return ops.ops
}

/** Takes from a parser what it finds, in the order of the lines. */
class OpCollector extends BlockBuilder {
  readonly ops: BatchOp[] = []
  readonly #maxOps: number

  constructor(body: Buffer, maxOps: number) {
    super(new Uint8Array(body.buffer, body.byteOffset, body.length), 0)
    this.#maxOps = maxOps
  }

  push(op: BatchOp): void {
    if (this.ops.length === this.#maxOps) throw tooMany('operations', this.#maxOps)
    this.ops.push(op)
  }

  override add(
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
    expires: number = Number.NaN,
  ): void {
    this.push({
      type: 'put',
      key: this.bytes.subarray(keyStart, keyStart + keyLength),
      value: this.bytes.subarray(valueStart, valueStart + valueLength),
      ...lifetimeOf(expires),
    })
  }

  override addDelete(keyStart: number, keyLength: number): void {
    this.push({ type: 'del', key: this.bytes.subarray(keyStart, keyStart + keyLength) })
  }

  override addExpiring(...put: Parameters<BlockBuilder['addExpiring']>): void {
    this.add(...put)
  }
}

/** Keys, one a line: a JSON string or `{"key_base64":...}`. Throws `KV_INVALID_INPUT`, and 413 above `maxKeys`. */
export function parseKeys(bytes: Buffer, maxKeys: number): Uint8Array[] {
  const body = withoutMark(bytes)
  const keys: Uint8Array[] = []
  if (!isUtf8(body))
    throw new KvError('KV_INVALID_INPUT', 'the keys are not valid UTF-8; {"key_base64":...} takes any bytes')
  let line = 1
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!
    if (byte === LINE_FEED) line++
    if (byte === LINE_FEED || byte === 0x20 || byte === 0x09 || byte === 0x0d) continue
    const feed = body.indexOf(LINE_FEED, at)
    const end = feed < 0 ? body.length : feed
    if (keys.length === maxKeys) throw tooMany('keys', maxKeys)
    const key = parseKey(body.subarray(at, end).toString())
    if (key === undefined || key.length === 0)
      throw new KvError('KV_INVALID_INPUT', `line ${line}: a key is a JSON string, or {"key_base64":...}`)
    keys.push(key)
    at = end - 1
  }
  return keys
}

const LINE_FEED = 0x0a

function parseKey(text: string): Uint8Array | undefined {
  try {
    const parsed = JSON.parse(text) as unknown
    if (typeof parsed === 'string') return parsed.isWellFormed() ? utf8(parsed) : undefined
    const { key_base64: base64, ...rest } = (parsed ?? {}) as { key_base64?: unknown }
    return typeof base64 === 'string' && Object.keys(rest).length === 0 ? decode(base64, 'base64') : undefined
  } catch {
    return undefined
  }
}
