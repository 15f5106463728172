/** `/v1/batch`, `/v1/load` and `/v1/get`: many entries in one call. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KvError } from '../../errors.ts'
import type { Block } from '../../blocks/block.ts'
import type { Entry, KeyCondition } from '../../store/driver/entry.ts'
import type { BatchOp } from '../../store/write-options.ts'
import { bodyChunks, readBody } from '../body/body.ts'
import { FRAME, FrameReader, FrameWriter, type Frame, frameBytes } from '../../protocol/frames.ts'
import { UploadDeadline, frameBlocks } from '../body/frame-blocks.ts'
import { entryLines, parseKeys, parseOps } from '../body/ndjson-body.ts'
import { FRAMES, MAX_KEYS, MAX_OPS, NDJSON, PATHS } from '../../protocol/http-api.ts'
import { addEntries } from './range-routes.ts'
import { HttpError, tooMany } from '../http/http-error.ts'
import { note } from '../http/request-log.ts'
import { answer, content, endpoint, integer, object } from '../docs/schema.ts'
import { type RouteContext, queryOf, sendJson } from '../route-context.ts'
import { sendStream } from '../http/streams.ts'

const tags = ['Batches']

/** Bytes of entries sent at a time. */
const GROUP_BYTES = 1 << 16

/** Bytes of frames taken apart at a time. */
const SLICE_BYTES = 1 << 19

const SCHEMAS = {
  batch: endpoint('write', {
    errors: [415, 422],
    tags,
    summary: 'Put and delete many entries, all or nothing',
    description:
      'A line each: `{"key":K,"value":V}` as `kv batch-put` reads it (also with `ttl`, `expires`, `key_base64`, `value_base64`), or `{"del":K}`. In order; of several on one key the last wins. At most 100,000 operations.',
    consumes: [NDJSON],
    body: { type: 'string', examples: ['{"key":"user:1","value":"Ada"}\n{"del":"user:2"}\n'] },
    response: {
      200: answer('Done, and on disk', object({ operations: integer(), revision: integer() }), {
        operations: 2,
        revision: 8,
      }),
    },
  }),
  get: endpoint('read', {
    errors: [408, 413, 415, 422],
    tags,
    summary: 'Read many entries of one moment',
    description:
      'Keys as JSON strings, a line each (or `{"key_base64":...}`). Answers a line for each: the entry, or `null`. At most 10,000 keys.',
    consumes: [NDJSON],
    body: { type: 'string', examples: ['"user:1"\n"user:2"\n'] },
    response: { 200: content('The entries in the order asked', NDJSON, '{"key":"user:1","value":"Ada"}\nnull\n') },
  }),
}

/** Adds the routes of batches to a server. */
export function batchRoutes(app: FastifyInstance, context: RouteContext): void {
  const { store, limits, bodyLimits } = context

  app.post(PATHS.batch, { schema: SCHEMAS.batch, config: { write: true, long: true } }, async (request, reply) => {
    queryOf(request, [])
    const body = await readBody(request, reply, context)
    // Between kv programs, as many conditions may stand before the operations.
    const frames = isFramed(request) ? framesOf(body, context, 'operations', 2 * MAX_OPS) : []
    const conditions = frames.filter(isCondition).map(toCondition)
    const ops = isFramed(request) ? frames.slice(conditions.length).map(toOp) : parseOps(body, store.limits, MAX_OPS)
    if (ops.length > MAX_OPS) throw tooMany('operations', MAX_OPS)
    limits.reserveObjects(ops.length + conditions.length, reply.raw)
    note(reply.raw, { operations: ops.length })
    return sendJson(reply, { operations: ops.length, revision: await store.batch(ops, { conditions }) })
  })

  // Between kv programs: a batch of any size, stored while it comes.
  app.post(PATHS.load, { schema: { hide: true }, config: { write: true, long: true } }, async (request, reply) => {
    const query = queryOf(request, ['atomic', 'if_absent'])
    const atomic = query.text('atomic') !== 'false'
    const ifAbsent = query.text('if_absent') === 'true'
    if (!isFramed(request))
      throw new HttpError(415, {
        detail: `this takes ${FRAMES}; POST /v1/batch takes JSON Lines`,
        code: 'KV_NOT_SUPPORTED',
      })
    // A body that fits is taken whole first, so that no other writer waits for this client.
    const whole = Number(request.headers['content-length'] ?? Infinity) <= bodyLimits.maxBodyBytes
    const deadline = new UploadDeadline(bodyLimits)
    const body = whole
      ? [await readBody(request, reply, context)]
      : bodyChunks(request, bodyLimits, () => deadline.left())
    // What reading the body threw: drivers take for a bug what they do not know.
    let failure: unknown
    const chunks = async function* (): AsyncGenerator<Buffer, void, void> {
      try {
        yield* body
      } catch (error) {
        failure = error
        throw error
      }
    }
    const blocks = frameBlocks(
      chunks(),
      { ...store.limits, maxValueBytes: Math.min(store.limits.maxValueBytes, bodyLimits.maxBodyBytes) },
      { deadline, keepsEqual: ifAbsent },
    )
    // Until there is something to write, nobody waits for this client.
    const first = await blocks.next()
    const all = async function* (): AsyncGenerator<Block, void, void> {
      deadline.lock()
      if (first.done !== true) yield first.value
      yield* blocks
    }
    let existing: number | undefined
    const onExisting = (entries: number): void => void (existing = entries)
    const revision = await store.load(all(), { atomic, ifAbsent, onExisting }).catch((error: unknown) => {
      throw failure instanceof HttpError && failure.status === 408 && deadline.isLocked ? tooSlow() : (failure ?? error)
    })
    return sendJson(reply, { revision, existing })
  })

  app.post(PATHS.get, { schema: SCHEMAS.get }, async (request, reply) => {
    queryOf(request, [])
    const body = await readBody(request, reply, context)
    const framed = isFramed(request)
    const keys = framed
      ? framesOf(body, context, 'keys', MAX_KEYS).map((frame) => frame.key)
      : parseKeys(body, MAX_KEYS)
    limits.reserveObjects(keys.length, reply.raw)
    const entries = await store.getMany(keys, { maxBytes: bodyLimits.maxBodyBytes })
    limits.reserve(
      entries.reduce((sum, entry) => sum + (entry === undefined ? 0 : entry.key.length + entry.value.length), 0),
      reply.raw,
    )
    return sendStream(reply, framed ? FRAMES : NDJSON, framed ? framesOfEntries(entries) : linesOfEntries(entries))
  })
}

/** Entries in groups that make a chunk worth sending. */
function* groups(entries: readonly (Entry | undefined)[]): Generator<readonly (Entry | undefined)[], void, void> {
  let [start, bytes] = [0, 0]
  for (const [i, entry] of entries.entries()) {
    bytes += entry === undefined ? 1 : frameBytes(entry.key, entry.value)
    if (bytes < GROUP_BYTES) continue
    yield entries.slice(start, i + 1)
    ;[start, bytes] = [i + 1, 0]
  }
  if (start < entries.length) yield entries.slice(start)
}

function* linesOfEntries(entries: readonly (Entry | undefined)[]): Generator<Buffer, void, void> {
  for (const group of groups(entries)) yield* entryLines(group, false)
}

function* framesOfEntries(entries: readonly (Entry | undefined)[]): Generator<Buffer, void, void> {
  const writer = new FrameWriter()
  for (const group of groups(entries)) {
    addEntries(writer, group)
    yield writer.take()
  }
  writer.add(FRAME.end)
  yield writer.take()
}

/** 408: what was loaded so far is taken back. */
function tooSlow(): HttpError {
  const detail = 'the load kept other writers waiting, and its client sent too little; nothing of it is stored'
  const hint = 'collect the input in a file first, or load it without --atomic'
  return new HttpError(408, { detail, code: 'KV_UNAVAILABLE', hint }, { connection: 'close' })
}

function isFramed(request: FastifyRequest): boolean {
  return request.headers['content-type'] === FRAMES
}

function framesOf(body: Buffer, { store }: RouteContext, what: string, limit: number): Frame[] {
  const reader = new FrameReader(store.limits)
  const frames: Frame[] = []
  // Cut, so that no more of them are made than may be.
  for (let at = 0; at < body.length; at += SLICE_BYTES) {
    for (const frame of reader.push(body.subarray(at, at + SLICE_BYTES))) frames.push(frame)
    if (frames.length > limit) throw tooMany(what, limit)
  }
  if (reader.isWithinFrame) throw new KvError('KV_INVALID_INPUT', 'the body ends within a frame')
  return frames
}

function isCondition({ kind }: Frame): boolean {
  return kind === FRAME.ifRevision || kind === FRAME.ifValue
}

function toCondition({ kind, key, value, revision }: Frame): KeyCondition {
  return { key, condition: kind === FRAME.ifValue ? { type: 'value', value } : { type: 'revision', revision } }
}

function toOp({ kind, key, value, expires, ttl }: Frame): BatchOp {
  if (kind === FRAME.entry) return { type: 'put', key, value, expires, ttl }
  if (kind === FRAME.del) return { type: 'del', key }
  throw new KvError('KV_INVALID_INPUT', `not an operation: a frame of kind ${kind}`)
}
