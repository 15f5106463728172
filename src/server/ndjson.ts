import { decode, decodeUtf8, utf8 } from '../bytes.ts'
import { KvError } from '../errors.ts'
import { BlockBuilder } from '../input/block-builder.ts'
import { createParser } from '../input/formats.ts'
import { RecordRefused } from '../input/record-parser.ts'
import { ByteBuffer } from '../output/byte-buffer.ts'
import { type JsonOptions, writeJsonBytes, writeJsonEntry } from '../output/json-lines.ts'
import { blockOps } from '../store/block.ts'
import type { Entry, Limits } from '../store/driver.ts'
import type { BatchOp } from '../store/store.ts'

const PLAIN: JsonOptions = { keyEncoding: 'utf8', valueEncoding: 'utf8', jsonValues: false }

/** Entries as lines, written as `kv range` writes them: whole entries, or keys alone as JSON strings. */
export function entryLines(entries: readonly (Entry | undefined)[], keysOnly: boolean): Buffer {
  const parts: Buffer[] = []
  const out = new ByteBuffer({ write: (data) => void parts.push(Buffer.from(data as Uint8Array)) })
  for (const entry of entries) {
    if (entry === undefined) out.text('null')
    else if (keysOnly) writeJsonBytes(out, entry.key, 'utf8')
    else writeJsonEntry(out, entry, PLAIN)
    out.text('\n')
  }
  out.flush()
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/**
 * The operations of a batch, a line each: `{"del":KEY}` (or `del_base64`), or a record to put as
 * `kv batch-put` reads it. Throws `KV_INVALID_INPUT` with the number of the first wrong line.
 */
export function parseOps(body: Buffer, limits: Limits): BatchOp[] {
  const ops: BatchOp[] = []
  let line = 0
  for (let from = body.subarray(0, 3).equals(BOM) ? 3 : 0; from < body.length; ) {
    const feed = body.indexOf(0x0a, from)
    const end = feed < 0 ? body.length : feed
    const source = body.subarray(from, end)
    line++
    from = end + 1
    if (isBlank(source)) continue
    ops.push(deletion(source, line) ?? put(source, line, limits))
  }
  return ops
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf])

/** A line that may be a delete: anything else need not be parsed twice. */
const DELETION = /^\s*\{\s*"del(?:_base64|_hex)?"/

function deletion(source: Buffer, line: number): BatchOp | undefined {
  if (!DELETION.test(source.subarray(0, 64).toString('latin1'))) return undefined
  let record: Record<string, unknown>
  try {
    record = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(source)) as Record<string, unknown>
  } catch (cause) {
    throw new KvError('KV_INVALID_INPUT', `line ${line}: invalid JSON`, { cause })
  }
  const [[name, text] = ['', undefined], ...rest] = Object.entries(record)
  const encoding = name === 'del' ? 'utf8' : name === 'del_hex' ? 'hex' : 'base64'
  const key = typeof text === 'string' && rest.length === 0 ? decode(text, encoding) : undefined
  if (key === undefined || key.length === 0) throw new KvError('KV_INVALID_INPUT', `line ${line}: a delete is {"del":KEY} and nothing else`)
  return { type: 'del', key }
}

function put(source: Buffer, line: number, { maxKeyBytes, maxValueBytes }: Limits): BatchOp {
  const parser = createParser('jsonl', { maxKeyBytes, maxValueBytes, now: Date.now, skip: undefined })
  const builder = new BlockBuilder(Uint8Array.from(source), 1)
  try {
    parser.parse(builder, source.length, true)
  } catch (error) {
    if (error instanceof RecordRefused) throw new KvError('KV_INVALID_INPUT', `line ${line}: ${error.refusal.reason}`, { cause: error })
    throw error
  }
  for (const op of blockOps(builder.finish())) return op
  throw new KvError('KV_INVALID_INPUT', `line ${line}: no record`)
}

/** The keys of a list: a JSON string a line, or `{"key_base64":...}`. Throws `KV_INVALID_INPUT`. */
export function parseKeys(body: Buffer): Uint8Array[] {
  const keys: Uint8Array[] = []
  const whole = decodeUtf8(body)
  if (whole === undefined) throw new KvError('KV_INVALID_INPUT', 'the keys are not valid UTF-8; {"key_base64":...} takes any bytes')
  for (const [i, text] of whole.split('\n').entries()) {
    if (text.trim() === '') continue
    const key = parseKey(text)
    if (key === undefined || key.length === 0) throw new KvError('KV_INVALID_INPUT', `line ${i + 1}: a key is a JSON string, or {"key_base64":...}`)
    keys.push(key)
  }
  return keys
}

function parseKey(text: string): Uint8Array | undefined {
  try {
    const parsed = JSON.parse(text) as unknown
    if (typeof parsed === 'string') return parsed.isWellFormed() ? utf8(parsed) : undefined
    const { key_base64: base64 } = (parsed ?? {}) as { key_base64?: unknown }
    return typeof base64 === 'string' ? decode(base64, 'base64') : undefined
  } catch {
    return undefined
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
