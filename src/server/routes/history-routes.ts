/** `/v1/history`: whether old values are kept, and the versions of a key. One of them is read as `/v1/keys/{key}?at=`. */
import type { FastifyInstance } from 'fastify'
import { DeferredText } from '../../formats/deferred-text.ts'
import { historyRecord, writeJsonVersion } from '../../formats/json/writer.ts'
import { FRAME, type FrameWriter } from '../../protocol/frames.ts'
import { FRAMES, NDJSON, PATHS } from '../../protocol/http-api.ts'
import type { Version } from '../../store/driver/history.ts'
import { HISTORY_GAP, answer, content, encoding, endpoint, integer, object, optional, string } from '../docs/schema.ts'
import { whileConnected } from '../http/heartbeats.ts'
import { note } from '../http/request-log.ts'
import { sendStream } from '../http/streams.ts'
import { type RouteContext, keyOf, queryOf, sendJson } from '../route-context.ts'
import { framesOf } from './range-routes.ts'

const tags = ['Old values']

const SCHEMAS = {
  status: endpoint('read', {
    errors: [501],
    tags,
    summary: 'Whether old values are kept, and how many',
    response: {
      200: answer(
        '`keep` of each key at most; 0: none are kept',
        object({
          keep: integer(),
          versions: integer('old values kept now'),
          bytes: integer('of these and their keys'),
          since: { type: ['string', 'null'], description: 'when the history began' },
          since_revision: { type: ['integer', 'null'], description: 'the newest revision then' },
        }),
        { keep: 10, versions: 2, bytes: 20, since: '2030-01-31T12:00:00.000Z', since_revision: 7 },
      ),
    },
  }),
  on: endpoint('write', {
    errors: [501],
    tags,
    summary: 'Keep old values from now on, or change how many',
    querystring: optional({
      keep: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'of each key; default: as before, or 10' },
    }),
    response: { 200: answer('They are kept', object({ keep: integer() }), { keep: 10 }) },
  }),
  off: endpoint('write', {
    errors: [501],
    tags,
    summary: 'Drop all old values, and keep none from now on',
    response: { 200: answer('How many there were', object({ dropped: integer() }), { dropped: 2 }) },
  }),
  versions: endpoint('read', {
    errors: [501],
    tags,
    summary: 'The versions of a key, the newest first',
    description:
      'A line each, as `kv history KEY --json` writes them: what the key is now, then what it was before. `time` is null where that is from before the history began. Nothing for a key of which nothing is known. An answer cut off is an error, never the end.',
    params: object({ key: string('percent-encoded; any byte can be', 'user:1') }),
    querystring: optional({
      encoding: encoding('the key is'),
      limit: { type: 'integer', minimum: 0, description: 'at most so many' },
    }),
    response: {
      410: HISTORY_GAP,
      200: content(
        'The versions',
        NDJSON,
        '{"type":"put","key":"user:1","time":"2030-01-31T12:00:00.000Z","revision":8,"value":"Ada"}\n{"type":"put","key":"user:1","time":null,"revision":7,"value":"Adda"}\n',
      ),
    },
  }),
}

/** Adds the routes of old values to a server. */
export function historyRoutes(app: FastifyInstance, { store, limits }: RouteContext): void {
  app.get(PATHS.history, { schema: SCHEMAS.status, config: { long: true } }, async (request, reply) => {
    queryOf(request, [])
    return sendJson(reply, historyRecord(await store.history.status({ signal: whileConnected(reply) })))
  })

  // What is asked for is done, whether or not its client waits.
  const config = { write: true, long: true }
  app.put(PATHS.history, { schema: SCHEMAS.on, config }, async (request, reply) => {
    const keep = queryOf(request, ['keep']).count('keep')
    await store.history.on({ keep })
    return sendJson(reply, { keep: keep ?? (await store.history.status()).keep })
  })

  app.delete(PATHS.history, { schema: SCHEMAS.off, config }, async (request, reply) => {
    queryOf(request, [])
    const dropped = await store.history.off()
    note(reply.raw, { deleted: dropped })
    return sendJson(reply, { dropped })
  })

  const path = `${PATHS.versions}:key`
  app.get(path, { schema: SCHEMAS.versions, exposeHeadRoute: false }, async (request, reply) => {
    const query = queryOf(request, ['encoding', 'limit'])
    const options = { limit: query.count('limit'), signal: whileConnected(reply) }
    const pages = store.history.versions(keyOf(request, query), options)
    limits.acquireRange(reply.raw)
    if (request.headers.accept === FRAMES) return sendStream(reply, FRAMES, framesOf(pages, addVersions))
    return sendStream(reply, NDJSON, lines(pages))
  })
}

async function* lines(pages: AsyncIterable<readonly Version[]>): AsyncGenerator<Buffer, void, void> {
  const out = new DeferredText()
  for await (const page of pages) {
    for (const version of page) {
      writeJsonVersion(out, version)
      out.text('\n')
    }
    yield* out.take()
  }
}

/** Adds versions as frames: from when on, and what then was. */
function addVersions(writer: FrameWriter, versions: readonly Version[]): void {
  for (const version of versions) {
    writer.add(FRAME.since, undefined, undefined, 0, version.time)
    if (version.type === 'put') writer.add(FRAME.entry, version.key, version.value, version.revision, version.expires)
    else if (version.type === 'del') writer.add(FRAME.del, version.key, undefined, version.revision)
    else writer.add(FRAME.missing, version.key)
  }
}
