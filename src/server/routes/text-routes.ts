/** The five plain endpoints: text keys and values in JSON, bodies exactly as their callers know them. */
import { isUtf8 } from 'node:buffer'
import { turn } from '../../async.ts'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { asBuffer, compareBytes, decodeUtf8, utf8 } from '../../bytes.ts'
import { DeferredText } from '../../formats/deferred-text.ts'
import { PLAIN, writeJsonBytes, writeJsonEntry } from '../../formats/json/writer.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { BatchOp } from '../../store/write-options.ts'
import { MAX_OPS, TEXT_PATHS } from '../../protocol/http-api.ts'
import { readBody, withoutMark } from '../body/body.ts'
import { TEXT_SCHEMAS as schemas } from './text-schemas.ts'
import { jsonFault } from '../body/json-fault.ts'
import { hasMoreElements } from '../body/json-bounds.ts'
import { type FieldProblem, HttpError, noSuchPath, tooLarge, tooMany, wrongFields } from '../http/http-error.ts'
import { JSON_TYPE, type RouteContext, sendJson } from '../route-context.ts'
import { note } from '../http/request-log.ts'
import { sendStream } from '../http/streams.ts'
import { parametersOf, percentDecode, targetOf } from '../http/request-target.ts'

/** Bytes of keys and values whose answer is made at once. */
const SHORT = 1 << 16

const READ_HEAD = '{"message":"Key data fetched successfully.","data":'
const RANGE_HEAD = '{"message":"Data range fetched successfully.","data":['

/** Commas and brackets of a batch that do not stand between its keys or values, generously. */
const PARTS_BESIDE = 1000

const NOT_ENCODED = 'Not percent-encoded: a % needs two hex digits after it'

const notFound = (): HttpError => new HttpError(404, { detail: 'Key not found' })
const missing = (...loc: string[]): FieldProblem => ({ loc, msg: 'Field required', type: 'missing' })

/** Adds the five endpoints to a server. */
export function textRoutes(app: FastifyInstance, context: RouteContext): void {
  const { store, reads, limits } = context
  const answerRead = (reply: FastifyReply, entry: Entry | undefined): void => {
    if (entry === undefined) throw notFound()
    checkText(entry.value, 'the value')
    if (entry.value.length <= SHORT) {
      reply.type(JSON_TYPE).send(`${READ_HEAD}${shortEntry(entry)}}`)
      return
    }
    limits.reserveAnswer(entry.value.length, reply.raw)
    const out = new DeferredText()
    out.text(READ_HEAD)
    writeJsonEntry(out, { key: entry.key, value: entry.value }, PLAIN)
    out.text('}')
    void sendStream(reply, JSON_TYPE, out.take())
  }

  app.get(`${TEXT_PATHS.read}:key`, { schema: schemas.read }, (request, reply) => {
    const { bytes, text } = pathKey(targetOf(request.raw).key)
    const client = {
      answer: (entry: Entry | undefined): void => answerRead(reply, entry),
      answerText: (value: string): void => void reply.type(JSON_TYPE).send(`${READ_HEAD}${jsonEntry(text, value)}}`),
      fail: (error: unknown): void => void reply.send(error),
    }
    reads.get(bytes, client, text)
  })

  app.get(TEXT_PATHS.readKeyRange, { schema: schemas.readKeyRange }, async (request, reply) => {
    const { start_key: start, end_key: end } = queryFields(targetOf(request.raw).query, ['start_key', 'end_key'])
    if (compareBytes(start.bytes, end.bytes) > 0)
      throw new HttpError(400, { detail: 'start_key must not be after end_key' })
    const range = { gte: start.bytes, lte: end.bytes }
    const short = end.bytes.length === 0 ? [] : await look(context, reply, range)
    if (short === undefined) return sendStream(reply, JSON_TYPE, rangeAnswer(store.rangePages(range)))
    return reply.type(JSON_TYPE).send(`${RANGE_HEAD}${short.join(',')}]}`)
  })

  app.post(TEXT_PATHS.put, { schema: schemas.put, config: { write: true } }, async (request, reply) => {
    const { key, value } = queryFields(targetOf(request.raw).query, ['key', 'value'])
    if (key.text === '')
      throw wrongFields([{ loc: ['query', 'key'], msg: 'The empty key cannot be stored', type: 'string_too_short' }])
    await store.put(key.bytes, value.bytes)
    const data = { key: key.text, value: value.text }
    return sendJson(reply, { message: 'Key-Value pair stored successfully.', data })
  })

  app.post(TEXT_PATHS.batchPut, { schema: schemas.batchPut, config: { write: true } }, async (request, reply) => {
    const body = await readBody(request, reply, context)
    // Keys, values, and the few parts around them.
    if (hasMoreElements(body, 2 * MAX_OPS + PARTS_BESIDE)) throw tooMany('keys', MAX_OPS)
    const { keys, values } = lists(parseJson(body))
    if (keys.length !== values.length) throw new HttpError(400, { detail: 'Keys and values length must match' })
    if (keys.length > MAX_OPS) throw tooMany('keys', MAX_OPS)
    limits.reserveObjects(keys.length, reply.raw)
    note(reply.raw, { operations: keys.length })
    await store.batch(keys.map((key, i): BatchOp => ({ type: 'put', key, value: values[i]! })))
    return sendStream(reply, JSON_TYPE, batchAnswer(keys, values))
  })

  const config = { write: true }
  app.delete(`${TEXT_PATHS.delete}:key`, { schema: schemas.delete, config }, async (request, reply) => {
    const { bytes, text } = pathKey(targetOf(request.raw).key, 'delete it with DELETE')
    if (!(await store.del(bytes))) throw notFound()
    return sendJson(reply, { message: 'Key deleted successfully.', data: { key: text } })
  })
}

/** A key or value as it was sent. */
interface Field {
  readonly bytes: Uint8Array
  readonly text: string
}

/** `instead`: what to do with a key that is no text. */
function pathKey(raw: string | undefined, instead?: string): Field {
  if (raw === undefined) throw noSuchPath()
  const bytes = percentDecode(raw)
  if (bytes === undefined) throw wrongFields([{ loc: ['path', 'key'], msg: NOT_ENCODED, type: 'string_encoding' }])
  checkText(bytes, 'the key', instead)
  return { bytes, text: asBuffer(bytes).toString() }
}

/** Throws 406 for bytes that are not UTF-8. */
function checkText(bytes: Uint8Array, what: string, instead = 'read it with GET'): void {
  if (isUtf8(bytes)) return
  throw new HttpError(406, { detail: `${what} is not UTF-8 and cannot be shown as JSON; ${instead} /v1/keys/{key}` })
}

function checkEntry({ key, value }: Entry): void {
  checkText(key, 'a key')
  checkText(value, 'a value')
}

/** Fields of a query, all required, with every problem at once. Other fields are ignored. Throws 422. */
function queryFields<Name extends string>(query: string, names: readonly Name[]): Record<Name, Field> {
  const found: Partial<Record<Name, Field>> = {}
  const problems = new Map<Name, FieldProblem>(names.map((name) => [name, missing('query', name)]))
  for (const [written, bytes] of parametersOf(query)) {
    const given = written && decodeUtf8(written)
    const name = names.find((known) => known === given)
    if (name === undefined) continue
    const text = bytes && decodeUtf8(bytes)
    if (bytes === undefined || text === undefined) {
      problems.set(name, {
        loc: ['query', name],
        msg: bytes === undefined ? NOT_ENCODED : 'Not valid UTF-8',
        type: 'string_encoding',
      })
    } else {
      found[name] = { bytes, text }
      problems.delete(name)
    }
  }
  if (problems.size > 0) throw wrongFields([...problems.values()])
  return found as Record<Name, Field>
}

function parseJson(body: Buffer): unknown {
  const text = withoutMark(body)
  if (text.length === 0) throw wrongFields([missing('body')])
  if (!isUtf8(text)) throw new HttpError(400, { detail: 'The body is not valid UTF-8' })
  try {
    return JSON.parse(text.toString())
  } catch {
    throw new HttpError(400, { detail: `The body is not valid JSON: ${jsonFault(text)}` })
  }
}

/** The two lists of a batch. Throws 422 with the first problem of each. */
function lists(body: unknown): { keys: string[]; values: string[] } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw wrongFields([
      { loc: ['body'], msg: 'Input should be an object with keys and values', type: 'model_attributes_type' },
    ])
  }
  const { keys, values } = body as { keys?: unknown; values?: unknown }
  const problems = [listProblem('keys', keys), listProblem('values', values)].filter((problem) => problem !== undefined)
  if (problems.length > 0) throw wrongFields(problems)
  return { keys: keys as string[], values: values as string[] }
}

function listProblem(name: 'keys' | 'values', list: unknown): FieldProblem | undefined {
  if (list === undefined) return missing('body', name)
  if (!Array.isArray(list)) return { loc: ['body', name], msg: 'Input should be a valid list', type: 'list_type' }
  for (const [i, item] of list.entries()) {
    const loc = ['body', name, i]
    if (typeof item !== 'string') return { loc, msg: 'Input should be a valid string', type: 'string_type' }
    if (!item.isWellFormed()) return { loc, msg: 'A lone surrogate has no UTF-8 bytes', type: 'string_unicode' }
    if (name === 'keys' && item === '') return { loc, msg: 'The empty key cannot be stored', type: 'string_too_short' }
  }
  return undefined
}

function shortEntry({ key, value }: Entry): string {
  return jsonEntry(asBuffer(key).toString(), asBuffer(value).toString())
}

function jsonEntry(key: string, value: string): string {
  return `{"key":${JSON.stringify(key)},"value":${JSON.stringify(value)}}`
}

function* batchAnswer(keys: readonly string[], values: readonly string[]): Generator<Buffer, void, void> {
  const out = new DeferredText()
  out.text('{"message":"Batch put successful.","data":{"keys":[')
  yield* list(out, keys)
  out.text('],"values":[')
  yield* list(out, values)
  out.text(']}}')
  yield* out.take()
}

/** Texts as the items of a list; what comes of them is taken when it is worth sending. */
function* list(out: DeferredText, texts: readonly string[]): Generator<Buffer, void, void> {
  let length = 0
  for (const [i, text] of texts.entries()) {
    if (i > 0) out.text(',')
    writeJsonBytes(out, 'value', utf8(text), 'utf8')
    length += text.length
    if (length < SHORT) continue
    yield* out.take()
    length = 0
  }
}

/**
 * Looks through a range before its answer begins, since a value that cannot be shown must still be able
 * to refuse it (406). Resolves to the entries as JSON when they are short together, and otherwise to
 * `undefined`: then they are read again while they are sent.
 */
async function look(
  { store, limits, bodyLimits }: RouteContext,
  reply: FastifyReply,
  range: { gte: Uint8Array; lte: Uint8Array },
): Promise<string[] | undefined> {
  limits.acquireRange(reply.raw)
  const short: string[] = []
  let bytes = 0
  for await (const page of store.rangePages(range)) {
    for (const entry of page) {
      checkEntry(entry)
      bytes += entry.key.length + entry.value.length
      if (bytes > bodyLimits.maxBodyBytes)
        throw tooLarge(
          `the range is over this server's limit of ${bodyLimits.maxBodyBytes} bytes; GET /v1/range streams any`,
        )
      if (bytes <= SHORT) short.push(shortEntry(entry))
    }
    await turn()
  }
  return bytes <= SHORT ? short : undefined
}

/** What became unreadable as text since the look cuts the answer off. */
async function* rangeAnswer(pages: AsyncIterable<readonly Entry[]>): AsyncGenerator<Buffer, void, void> {
  const out = new DeferredText()
  let before = RANGE_HEAD
  for await (const page of pages) {
    for (const entry of page) {
      out.text(before)
      before = ','
      checkEntry(entry)
      writeJsonEntry(out, { key: entry.key, value: entry.value }, PLAIN)
    }
    yield* out.take()
  }
  out.text(before === ',' ? ']}' : `${RANGE_HEAD}]}`)
  yield* out.take()
}
