/** `/v1/batch`, `/v1/load` and `/v1/get`: many entries in one call. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KvError } from '../errors.ts'
import type { BatchOp } from '../store/store.ts'
import { bodyChunks, readBody } from './body.ts'
import { FRAME, FrameReader, FrameWriter, type Frame } from './frames.ts'
import { frameBlocks } from './load.ts'
import { entryLines, parseKeys, parseOps } from './ndjson.ts'
import { FRAMES, NDJSON } from './protocol.ts'
import { addEntries } from './range-routes.ts'
import { Refusal } from './refusal.ts'
import { answer, content, endpoint, object } from './schema.ts'
import { type Service, queryOf, sendJson } from './service.ts'

const tags = ['Batches']

const SCHEMAS = {
  batch: endpoint('write', {
    tags,
    summary: 'Put and delete many entries, all or nothing',
    description: 'A line each: `{"key":K,"value":V}` as `kv batch-put` reads it (also with `ttl`, `expires`, `key_base64`, `value_base64`), or `{"del":K}`. In order; of several on one key the last wins.',
    consumes: [NDJSON],
    body: { type: 'string', examples: ['{"key":"user:1","value":"Ada"}\n{"del":"user:2"}\n'] },
    response: { 200: answer('Done, and on disk', object({ operations: { type: 'integer' }, revision: { type: 'integer' } }), { operations: 2, revision: 8 }) },
  }, [415, 422]),
  get: endpoint('read', {
    tags,
    summary: 'Read many entries of one moment',
    description: 'Keys as JSON strings, a line each (or `{"key_base64":...}`). Answers a line for each: the entry, or `null`.',
    consumes: [NDJSON],
    body: { type: 'string', examples: ['"user:1"\n"user:2"\n'] },
    response: { 200: content('The entries in the order asked', NDJSON, '{"key":"user:1","value":"Ada"}\nnull\n') },
  }, [408, 413, 415, 422]),
}

/** Adds the routes of batches to a server. */
export function batchRoutes(app: FastifyInstance, service: Service): void {
  const { store, gate, limits } = service

  app.post('/v1/batch', { schema: SCHEMAS.batch, config: { write: true } }, async (request, reply) => {
    queryOf(request, [])
    const body = await readBody(request, reply, gate, limits)
    const ops = isFramed(request) ? framesOf(body, service).map(toOp) : parseOps(body, store.limits)
    return sendJson(reply, { operations: ops.length, revision: await store.batch(ops) })
  })

  // Between kv programs: a batch of puts of any size, stored while it comes.
  app.post('/v1/load', { schema: { hide: true }, config: { write: true } }, async (request, reply) => {
    queryOf(request, [])
    if (!isFramed(request)) throw new Refusal(415, { detail: `this takes ${FRAMES}; POST /v1/batch takes JSON Lines`, code: 'KV_NOT_SUPPORTED' })
    // A body that fits is taken whole first, so that no other writer waits for this client.
    const whole = Number(request.headers['content-length'] ?? Infinity) <= limits.maxBodyBytes
    const chunks = whole ? [await readBody(request, reply, gate, limits)] : bodyChunks(request, limits)
    // To a driver, what the server refuses of a body would be a bug.
    let refusal: unknown
    const body = noting(chunks, (error) => (refusal = error))
    const revision = await store.load(frameBlocks(body, { ...store.limits, maxValueBytes: Math.min(store.limits.maxValueBytes, limits.maxBodyBytes) })).catch((error: unknown) => {
      throw refusal ?? error
    })
    return sendJson(reply, { revision })
  })

  app.post('/v1/get', { schema: SCHEMAS.get }, async (request, reply) => {
    queryOf(request, [])
    const body = await readBody(request, reply, gate, limits)
    const framed = isFramed(request)
    const keys = framed ? framesOf(body, service).map((frame) => frame.key) : parseKeys(body)
    const entries = await store.getMany(keys, { maxBytes: limits.maxBodyBytes })
    gate.reserve(entries.reduce((sum, entry) => sum + (entry === undefined ? 0 : entry.key.length + entry.value.length), 0), reply)
    if (!framed) return reply.type(NDJSON).send(entryLines(entries, false))
    const writer = new FrameWriter()
    addEntries(writer, entries)
    writer.add(FRAME.end)
    return reply.type(FRAMES).send(writer.take())
  })
}

/** The same chunks; tells what they failed with. */
async function* noting(chunks: AsyncIterable<Buffer> | Iterable<Buffer>, onFailure: (error: unknown) => void): AsyncGenerator<Buffer, void, void> {
  try {
    yield* chunks
  } catch (error) {
    onFailure(error)
    throw error
  }
}

function isFramed(request: FastifyRequest): boolean {
  return request.headers['content-type'] === FRAMES
}

function framesOf(body: Buffer, { store }: Service): Frame[] {
  const reader = new FrameReader(store.limits)
  const frames = reader.push(body)
  if (reader.isWithinFrame) throw new KvError('KV_INVALID_INPUT', 'the body ends within a frame')
  return frames
}

function toOp({ kind, key, value, expires }: Frame): BatchOp {
  if (kind === FRAME.entry) return { type: 'put', key, value, expires }
  if (kind === FRAME.del) return { type: 'del', key }
  throw new KvError('KV_INVALID_INPUT', `not an operation: a frame of kind ${kind}`)
}
