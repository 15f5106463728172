/** `/v1/range` and `/v1/count`: entries in key order, streamed, and how many there are. */
import type { FastifyInstance } from 'fastify'
import { asBuffer, compareBytes } from '../../bytes.ts'
import { KvError, usageError } from '../../errors.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { RangeOptions } from '../../store/range.ts'
import type { Store } from '../../store/store.ts'
import { FRAME, FrameWriter } from '../../protocol/frames.ts'
import { entryLines } from '../body/ndjson-body.ts'
import { whileConnected } from '../http/heartbeats.ts'
import { addError } from '../../protocol/errors.ts'
import { BOUNDS, FRAMES, LINES, NDJSON, PATHS, RANGE_PARAMETERS } from '../../protocol/http-api.ts'
import { answer, content, encoding, endpoint, integer, object, optional, string } from '../docs/schema.ts'
import { type RouteContext, queryOf, sendJson } from '../route-context.ts'
import { note } from '../http/request-log.ts'
import { sendStream } from '../http/streams.ts'
import type { Query } from '../http/request-target.ts'

const tags = ['Ranges']
/** The same for the description of the API. */
export const bounds = {
  start: string('first key, included', 'user:1'),
  end: string('last key, included', 'user:9'),
  until: string('end of the range, excluded', 'user;'),
  prefix: string('only keys that begin so', 'user:'),
  encoding: encoding('the keys above are'),
}
const choice = {
  ...bounds,
  after: string('go on after this key, excluded; with reverse, below it', 'user:2'),
  limit: { type: 'integer', minimum: 0, description: 'at most so many' },
  reverse: { type: 'boolean', description: 'from the last key to the first' },
}

const SCHEMAS = {
  range: endpoint('read', {
    tags,
    summary: 'Stream the entries of a range',
    description:
      'A line each, as `kv range --json` writes them, all of one moment. Bytes that are not UTF-8 stand under `key_base64` and `value_base64`. An answer cut off is an error, never the end.',
    querystring: optional({ ...choice, keys: { type: 'boolean', description: 'keys only, a JSON string a line' } }),
    response: {
      200: content('The entries', NDJSON, '{"key":"user:1","value":"Ada"}\n{"key":"user:2","value":"Grace"}\n'),
    },
  }),
  count: endpoint('read', {
    tags,
    summary: 'Count the keys of a range',
    querystring: optional(choice),
    response: { 200: answer('How many there are', object({ count: integer() }), { count: 2 }) },
  }),
  del: endpoint('write', {
    tags,
    summary: 'Delete a range, all or nothing',
    description: 'A range without bounds needs `all=true`.',
    querystring: optional({ ...bounds, all: { type: 'boolean', description: 'yes, everything' } }),
    response: { 200: answer('Deleted, and on disk', object({ deleted: integer() }), { deleted: 2 }) },
  }),
}

/** Adds the routes of ranges to a server. */
export function rangeRoutes(app: FastifyInstance, { store, limits }: RouteContext): void {
  app.get(PATHS.range, { schema: SCHEMAS.range, exposeHeadRoute: false }, async (request, reply) => {
    const query = queryOf(request, [...RANGE_PARAMETERS, 'keys'])
    const options = { ...rangeOf(query), ...choiceOf(query), keysOnly: query.flag('keys') }
    const { accept } = request.headers
    limits.acquireRange(reply.raw)
    if (accept === FRAMES) return sendStream(reply, FRAMES, framesOf(store.rangePages(options), addEntries))
    if (accept === LINES) return sendStream(reply, LINES, markedLines(store, options))
    return sendStream(reply, NDJSON, lines(store, options))
  })

  app.get(PATHS.count, { schema: SCHEMAS.count, config: { long: true } }, async (request, reply) => {
    const query = queryOf(request, RANGE_PARAMETERS)
    return sendJson(reply, {
      count: await store.count({ ...rangeOf(query), ...choiceOf(query), signal: whileConnected(reply) }),
    })
  })

  app.delete(PATHS.range, { schema: SCHEMAS.del, config: { write: true, long: true } }, async (request, reply) => {
    const query = queryOf(request, [...BOUNDS, 'all'])
    // With a signal it is done in slices, between which others are answered. It is never aborted: once asked for, it
    // is done.
    const deleted = await store.delRange({
      ...rangeOf(query),
      all: query.flag('all'),
      signal: new AbortController().signal,
    })
    note(reply.raw, { deleted })
    return sendJson(reply, { deleted })
  })
}

/** The bounds a query asks for. Throws `KV_USAGE` when start is after end. */
export function rangeOf(query: Query): Pick<RangeOptions, 'gte' | 'lte' | 'lt' | 'prefix'> {
  const { encoding } = query
  const gte = query.key('start', encoding)
  const lte = query.key('end', encoding)
  if (gte !== undefined && lte !== undefined && compareBytes(gte, lte) > 0)
    throw usageError('start is after end', 'keys are ordered by their bytes; for the other direction use reverse')
  return { gte, lte, lt: query.key('until', encoding), prefix: query.key('prefix', encoding) }
}

function choiceOf(query: Query): RangeOptions {
  const reverse = query.flag('reverse')
  const after = query.key('after', query.encoding)
  const limit = query.count('limit')
  if (after === undefined) return { reverse, limit }
  if (!reverse) return { reverse, limit, gt: after }
  const until = query.key('until', query.encoding)
  return { reverse, limit, lt: until !== undefined && compareBytes(until, after) < 0 ? until : after }
}

async function* lines(store: Store, options: RangeOptions): AsyncGenerator<Buffer, void, void> {
  const text = options.keysOnly === true ? undefined : store.rangeText(options)
  for await (const page of text ?? store.rangePages(options)) {
    if (page instanceof Uint8Array) yield asBuffer(page)
    else yield* entryLines(page, options.keysOnly ?? false)
  }
}

async function* markedLines(store: Store, options: RangeOptions): AsyncGenerator<Buffer, void, void> {
  yield* lines(store, options)
  yield Buffer.from('\n')
}

/** Pages as frames, with the end frame, or in its place the error. */
export async function* framesOf<T>(
  pages: AsyncIterable<readonly T[]>,
  add: (writer: FrameWriter, page: readonly T[]) => void,
): AsyncGenerator<Buffer, void, void> {
  let begun = false
  const writer = new FrameWriter()
  try {
    for await (const page of pages) {
      add(writer, page)
      begun = true
      yield writer.take()
    }
    writer.add(FRAME.end)
  } catch (error) {
    // Before the first page there is still an answer with a status to give.
    if (!begun || !(error instanceof KvError)) throw error
    addError(writer, error)
  }
  yield writer.take()
}

/** Adds entries as frames. */
export function addEntries(writer: FrameWriter, entries: readonly (Entry | undefined)[]): void {
  for (const entry of entries) {
    if (entry === undefined) writer.add(FRAME.missing)
    else writer.add(FRAME.entry, entry.key, entry.value, entry.revision, entry.expires)
  }
}
