/** `/v1/watch`: the changes of keys as server-sent events. */
import type { FastifyInstance } from 'fastify'
import { KvError, usageError } from '../../errors.ts'
import { changeEvents } from '../../protocol/event-writer.ts'
import { BOUNDS, EVENTS, PATHS } from '../../protocol/http-api.ts'
import { bounds, rangeOf } from './range-routes.ts'
import { content, endpoint, optional, string } from '../docs/schema.ts'
import { type RouteContext, queryOf } from '../route-context.ts'
import { sendStream } from '../http/streams.ts'

const EXAMPLE =
  'event: put\nid: l8k2v9q4x0ab-7\ndata: {"key":"user:1","value":"Ada","revision":7}\n\nevent: del\nid: l8k2v9q4x0ab-8\ndata: {"key":"user:1"}\n\n'

const SCHEMA = endpoint('read', {
  errors: [410, 413, 501],
  tags: ['Watches'],
  summary: 'Watch keys, as server-sent events',
  description:
    'An event `ready` when the watch stands, then `put` and `del` for each change after that, by whatever process, in the order of the commits. ' +
    'Entries are written as in a range. A client that comes again with `Last-Event-ID`, as an `EventSource` does by itself, misses nothing and gets nothing twice, up to a minute later; ' +
    '410 when changes since then are no longer kept, and after the id `partial`, which is that of all but the last put of what is there: begin again, and forget what came. A client that reads slowly loses nothing until it is 1 GB or 10 million changes behind. An entry that expires is a `del`. `failure` comes before an end that is an error. This page shows nothing of an answer without end: `curl -N` does.',
  querystring: optional({
    key: string('this key alone', 'user:1'),
    ...bounds,
    after: string('go on after the event of this id; 0: what is there as puts first', 'l8k2v9q4x0ab-7'),
  }),
  headers: optional({ 'last-event-id': string('the same as `after`, and before it', 'l8k2v9q4x0ab-7') }),
  response: { 200: content('The changes, without end', EVENTS, EXAMPLE) },
})

/** Adds the route of watches to a server. */
export function watchRoutes(app: FastifyInstance, { store, limits, readOnly, heartbeatMs }: RouteContext): void {
  app.get(PATHS.watch, { schema: SCHEMA, exposeHeadRoute: false, config: { watch: true } }, async (request, reply) => {
    const query = queryOf(request, ['key', ...BOUNDS, 'after'])
    const key = query.key('key', query.encoding)
    const range = rangeOf(query)
    if (key !== undefined && Object.values(range).some((bound) => bound !== undefined))
      throw usageError('key takes no range beside it')
    const lastId = request.headers['last-event-id']
    const after = typeof lastId === 'string' && lastId !== '' ? lastId : query.text('after')
    if (readOnly) throw new KvError('KV_NOT_SUPPORTED', 'a watch keeps a log in the store, and this server only reads')
    const end = limits.watchSignal(reply.raw)
    const watch = await store.watch({ key, ...range, after, resumable: true, signal: end })
    // A proxy must pass each event on as it comes; nginx gathers answers unless it is told.
    reply.header('cache-control', 'no-store, no-transform').header('x-accel-buffering', 'no')
    // Node would keep the connection for another request, and wait for it when the server goes down.
    reply.header('connection', 'close')
    return sendStream(reply, EVENTS, changeEvents(watch, end, heartbeatMs))
  })
}
