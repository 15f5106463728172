/** `/v1/usage`: how many keys there are and how many bytes they take, folder by folder. */
import type { FastifyInstance } from 'fastify'
import { within } from '../../async.ts'
import { usageRecord } from '../../formats/json/writer.ts'
import { HEADERS, LINES, NDJSON, PATHS } from '../../protocol/http-api.ts'
import type { Store } from '../../store/store.ts'
import type { UsageOptions } from '../../store/usage.ts'
import { content, encoding, endpoint, optional, string } from '../docs/schema.ts'
import { whileConnected } from '../http/heartbeats.ts'
import { sendStream } from '../http/streams.ts'
import { type RouteContext, queryOf } from '../route-context.ts'

/** How often a client that wants to know is told how far it is, in milliseconds, at the most. */
const PROGRESS_MS = 1000

const SCHEMA = endpoint('read', {
  tags: ['Ranges'],
  summary: 'Keys and bytes, folder by folder',
  description:
    'A line for each key that lies in no folder and for each folder, in key order, a folder after those within it, and last the total. The bytes are those of keys and values. Names that are not UTF-8 stand under `key_base64` and `prefix_base64`. An answer without the total is cut off.',
  querystring: optional({
    prefix: string('only keys that begin so; folders are those below it', 'user:'),
    encoding: encoding('prefix and delimiter are'),
    delimiter: string('what ends a folder; default: `:` or `/`, whichever comes first', '/'),
    depth: { type: 'integer', minimum: 0, default: 1, description: 'levels of folders' },
    keys: { type: 'boolean', default: true, description: 'whether keys that lie in no folder are told by themselves' },
    top: { type: 'integer', minimum: 0, description: 'only so many of the biggest, the biggest first' },
  }),
  response: {
    200: content(
      'Keys, folders and the total',
      NDJSON,
      '{"key":"a","bytes":2}\n{"prefix":"user:","keys":2,"bytes":20}\n{"prefix":"","keys":3,"bytes":22,"total":true}\n',
    ),
  },
})

/** Adds the route of usage to a server. */
export function usageRoutes(app: FastifyInstance, { store, limits }: RouteContext): void {
  app.get(PATHS.usage, { schema: SCHEMA, exposeHeadRoute: false }, async (request, reply) => {
    const query = queryOf(request, ['prefix', 'encoding', 'delimiter', 'depth', 'keys', 'top'])
    const options: UsageOptions = {
      prefix: query.key('prefix', query.encoding),
      delimiter: query.key('delimiter', query.encoding),
      depth: query.count('depth'),
      keys: query.text('keys') === undefined ? undefined : query.flag('keys'),
      top: query.count('top'),
      signal: whileConnected(reply),
    }
    limits.acquireRange(reply.raw)
    if (request.headers.accept !== LINES) return sendStream(reply, NDJSON, lines(store, options))
    const patience = Number(request.headers[HEADERS.timeout])
    return sendStream(reply, LINES, linesWithProgress(store, options, patience > 0 ? patience / 3 : PROGRESS_MS))
  })
}

async function* lines(store: Store, options: UsageOptions): AsyncGenerator<Buffer, void, void> {
  for await (const page of store.usage(options))
    yield Buffer.from(page.map((item) => `${JSON.stringify(usageRecord(item))}\n`).join(''))
}

/** The same with lines between that say how far it is, and an empty line at the end. */
async function* linesWithProgress(
  store: Store,
  options: UsageOptions,
  everyMs: number,
): AsyncGenerator<Buffer, void, void> {
  let progress = 0
  const all = lines(store, { ...options, onProgress: (keys) => (progress = keys) })
  try {
    for (let next = all.next(); ;) {
      const result = await within(next, Math.min(everyMs, PROGRESS_MS))
      if (result === undefined) yield Buffer.from(`${JSON.stringify({ progress })}\n`)
      else if (result.done === true) return yield Buffer.from('\n')
      else {
        yield result.value
        next = all.next()
      }
    }
  } finally {
    await all.return()
  }
}
