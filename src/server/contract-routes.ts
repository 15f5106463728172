/** The five plain endpoints: text keys and values in JSON, bodies exactly as their callers know them. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { compareBytes, decodeUtf8 } from '../bytes.ts'
import type { BatchOp } from '../store/store.ts'
import { MAX_OPS, readBody } from './body.ts'
import { CONTRACT_SCHEMAS as schemas } from './contract-schemas.ts'
import { hasMoreParts } from './json-size.ts'
import type { Answer } from './reads.ts'
import { type FieldProblem, Refusal, tooLarge, tooMany, wrongFields } from './refusal.ts'
import { JSON_TYPE, type Service, sendJson } from './service.ts'
import { percentDecode, targetOf } from './target.ts'

/** Commas and brackets of a batch that do not stand between its keys or values, generously. */
const PARTS_BESIDE = 1000

const notFound = (): Refusal => new Refusal(404, { detail: 'Key not found' })
const notText = (what: string): Refusal => new Refusal(406, { detail: `${what} is not UTF-8 and cannot be shown as JSON; read it with GET /v1/keys/{key}` })
const missing = (...loc: string[]): FieldProblem => ({ loc, msg: 'Field required', type: 'missing' })

/** Adds the five endpoints to a server. */
export function contractRoutes(app: FastifyInstance, service: Service): void {
  const { store, reads, gate } = service
  const answerRead: Answer = (reply, entry) => {
    if (entry === undefined) throw notFound()
    const { key, value } = entry
    // The value and its text.
    gate.reserveAnswer(2 * value.length, reply.raw)
    reply.type(JSON_TYPE).send(`{"message":"Key data fetched successfully.","data":{"key":${JSON.stringify(shown(key, 'the key'))},"value":${JSON.stringify(shown(value, 'the value'))}}}`)
  }

  app.get('/read/:key', { schema: schemas.read }, (request, reply) => {
    const { bytes } = pathKey(targetOf(request.raw).key)
    reads.get(bytes, reply, answerRead)
  })

  app.get('/read_key_range/', { schema: schemas.readKeyRange }, async (request, reply) => {
    const { start_key: start, end_key: end } = queryFields(targetOf(request.raw).query, ['start_key', 'end_key'])
    if (compareBytes(start!.bytes, end!.bytes) > 0) throw new Refusal(400, { detail: 'start_key must not be after end_key' })
    const data = end!.bytes.length === 0 ? [] : await collect(service, reply, start!.bytes, end!.bytes)
    return reply.type(JSON_TYPE).send(`{"message":"Data range fetched successfully.","data":[${data.join(',')}]}`)
  })

  app.post('/put/', { schema: schemas.put, config: { write: true } }, async (request, reply) => {
    const { key, value } = queryFields(targetOf(request.raw).query, ['key', 'value'])
    if (key!.text === '') throw wrongFields([{ loc: ['query', 'key'], msg: 'The empty key cannot be stored', type: 'string_too_short' }])
    await store.put(key!.bytes, value!.bytes)
    return sendJson(reply, { message: 'Key-Value pair stored successfully.', data: { key: key!.text, value: value!.text } })
  })

  app.post('/batch_put/', { schema: schemas.batchPut, config: { write: true } }, async (request, reply) => {
    const body = await readBody(request, reply, gate, service.limits)
    // Keys, values, and the few parts around them.
    if (hasMoreParts(body, 2 * MAX_OPS + PARTS_BESIDE)) throw tooMany('keys', MAX_OPS)
    const { keys, values } = lists(parseJson(body))
    if (keys.length !== values.length) throw new Refusal(400, { detail: 'Keys and values length must match' })
    if (keys.length > MAX_OPS) throw tooMany('keys', MAX_OPS)
    gate.reserveObjects(keys.length, reply.raw)
    // Made first: once it is stored nothing may be refused.
    const answer = JSON.stringify({ message: 'Batch put successful.', data: { keys, values } })
    gate.reserveAnswer(answer.length, reply.raw)
    await store.batch(keys.map((key, i): BatchOp => ({ type: 'put', key, value: values[i]! })))
    return reply.type(JSON_TYPE).send(answer)
  })

  app.delete('/delete/:key', { schema: schemas.delete, config: { write: true } }, async (request, reply) => {
    const { bytes, text } = pathKey(targetOf(request.raw).key)
    if (!(await store.del(bytes))) throw notFound()
    return sendJson(reply, { message: 'Key deleted successfully.', data: { key: text } })
  })
}

function pathKey(raw: string | undefined): { readonly bytes: Uint8Array; readonly text: string } {
  const bytes = raw === undefined ? undefined : percentDecode(raw)
  if (bytes === undefined) throw wrongFields([{ loc: ['path', 'key'], msg: 'Not percent-encoded: a % needs two hex digits after it', type: 'string_encoding' }])
  return { bytes, text: shown(bytes, 'the key') }
}

function shown(bytes: Uint8Array, what: string): string {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw notText(what)
  return text
}

/** Fields of a query, all required, with every problem at once. Other fields are ignored. Throws 422. */
function queryFields<Name extends string>(query: string, names: readonly Name[]): { [name in Name]?: { readonly bytes: Uint8Array; readonly text: string } } {
  const found: { [name in Name]?: { readonly bytes: Uint8Array; readonly text: string } } = {}
  const problems = new Map<Name, FieldProblem>(names.map((name) => [name, missing('query', name)]))
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    const written = equals < 0 ? part : part.slice(0, equals)
    const given = written.includes('%') ? decodeUtf8(percentDecode(written) ?? Buffer.alloc(0)) : written
    const name = names.find((known) => known === given)
    if (name === undefined) continue
    const bytes = percentDecode(equals < 0 ? '' : part.slice(equals + 1), true)
    const text = bytes && decodeUtf8(bytes)
    if (bytes === undefined || text === undefined) {
      problems.set(name, { loc: ['query', name], msg: bytes === undefined ? 'Not percent-encoded: a % needs two hex digits after it' : 'Not valid UTF-8', type: 'string_encoding' })
    } else {
      found[name] = { bytes, text }
      problems.delete(name)
    }
  }
  if (problems.size > 0) throw wrongFields([...problems.values()])
  return found
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) throw wrongFields([missing('body')])
  const text = decodeUtf8(body)
  if (text === undefined) throw new Refusal(400, { detail: 'The body is not valid UTF-8' })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, { detail: `The body is not valid JSON: ${(error as Error).message}` })
  }
}

/** The two lists of a batch. Throws 422 with the first problem of each. */
function lists(body: unknown): { keys: string[]; values: string[] } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw wrongFields([{ loc: ['body'], msg: 'Input should be an object with keys and values', type: 'model_attributes_type' }])
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

/**
 * The entries of a range as JSON texts. The whole answer is made before its first byte goes out,
 * since a value that cannot be shown must still be able to refuse it; so it has a size limit.
 */
async function collect({ store, gate, limits }: Service, reply: FastifyReply, gte: Uint8Array, lte: Uint8Array): Promise<string[]> {
  gate.enterStream(reply.raw)
  const data: string[] = []
  let bytes = 0
  for await (const page of store.rangePages({ gte, lte })) {
    let size = 0
    for (const { key, value } of page) {
      const json = JSON.stringify({ key: shown(key, 'a key'), value: shown(value, 'a value') })
      size += json.length
      data.push(json)
    }
    bytes += size
    if (bytes > limits.maxBodyBytes) throw tooLarge(`the range is over this server's limit of ${limits.maxBodyBytes} bytes; GET /v1/range streams any`)
    gate.reserve(size, reply.raw)
    await new Promise(setImmediate)
  }
  return data
}
