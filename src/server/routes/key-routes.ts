/** `/v1/keys/{key}`: one entry as raw bytes, with conditions by `ETag`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { asBuffer } from '../../bytes.ts'
import { parseDuration } from '../../duration.ts'
import { KvError, usageError } from '../../errors.ts'
import type { Condition, Entry, Head, Lifetime, PutResult } from '../../store/driver/entry.ts'
import { checksum } from '../../blocks/checksum.ts'
import { parseMoment } from '../../formats/time.ts'
import type { Moment } from '../../store/driver/history.ts'
import type { Store } from '../../store/store.ts'
import { whileConnected } from '../http/heartbeats.ts'
import { readBody } from '../body/body.ts'
import { type TagList, etag, revisionFrom, tagsOf } from '../../protocol/etag.ts'
import { HEADERS, PATHS } from '../../protocol/http-api.ts'
import { HISTORY_GAP, content, empty, encoding, endpoint, integer, object, optional, string } from '../docs/schema.ts'
import { type RouteContext, keyOf, queryOf } from '../route-context.ts'
import type { Query } from '../http/request-target.ts'

const tags = ['Keys and values as bytes']
const params = object({ key: string('percent-encoded; any byte can be', 'user:1') })
const query = { encoding: encoding('the key is') }
const conditions = {
  'if-match': string('only if one of these is the ETag now, or with `*` if the key is there', '"7-3610a686"'),
  'if-none-match': string('only if the key is not there', '*'),
}

const SCHEMAS = {
  get: endpoint('read', {
    errors: [404, 412, 413, 501],
    tags,
    summary: 'Read the bytes of a value',
    description:
      '`ETag` stands for these bytes, and begins with the revision of the entry; `Kv-Expires` its end in milliseconds since 1970.',
    params,
    querystring: optional({
      ...query,
      at: string('as it was then, where old values are kept: a revision, a time (RFC 3339) or one so long ago', '10m'),
    }),
    headers: optional({
      'if-none-match': string('304 if one of these is the ETag', '"7-3610a686"'),
      'if-match': string('412 if none of these is', '"7-3610a686"'),
    }),
    response: { 200: content('The value', 'application/octet-stream'), 304: empty('Unchanged'), 410: HISTORY_GAP },
  }),
  put: endpoint('write', {
    errors: [412, 415],
    tags,
    summary: 'Store bytes under a key',
    description:
      'With `Kv-If-Value-Length: N`, the first N bytes of the body must be the value now, and the rest is the new one.',
    params,
    querystring: optional({
      ...query,
      ttl: string('let the entry expire after this time', '90s'),
      expires: integer('when the entry expires, in milliseconds since 1970'),
    }),
    headers: optional(conditions),
    consumes: ['application/octet-stream'],
    body: { type: 'string', format: 'binary', examples: ['Ada'] },
    response: { 200: empty('Replaced, and on disk'), 201: empty('Created, and on disk') },
  }),
  del: endpoint('write', {
    errors: [404, 412, 415],
    tags,
    summary: 'Delete a key',
    params,
    querystring: optional(query),
    headers: optional({ 'if-match': conditions['if-match'] }),
    response: { 204: empty('Deleted, and on disk') },
  }),
}

const notFound = (): KvError => new KvError('KV_NOT_FOUND', 'key not found')
const conditionFailed = (): KvError => new KvError('KV_CONDITION', 'the condition does not hold; nothing was written')

const NOT_APPLIED: PutResult = { applied: false, created: false, revision: 0 }

const PATH = `${PATHS.keys}:key`

/** Adds the routes of single keys to a server. */
export function keyRoutes(app: FastifyInstance, context: RouteContext): void {
  const { store, reads, limits } = context
  const answerValue = (reply: FastifyReply, entry: Entry | undefined): void => {
    if (entry === undefined) throw notFound()
    const { key, value, revision, expires } = entry
    if (isKnown(reply, entry, etag(revision, checksum(key, value, expires)))) return void reply.code(304).send()
    limits.reserveAnswer(value.length, reply.raw)
    // Never as a page: stored bytes must not become a script of this origin.
    reply.type('application/octet-stream').send(asBuffer(value))
  }

  app.head(PATH, { schema: { hide: true } }, async (request, reply) => {
    const query = queryOf(request, ['encoding', 'at'])
    const key = keyOf(request, query)
    const moment = momentOf(query)
    const head = moment === undefined ? await store.head(key) : headOf(await store.history.at(key, moment))
    if (head === undefined) throw notFound()
    if (isKnown(reply, head, await tagOf(store, key, head))) return reply.code(304).send()
    return reply.header('content-length', String(head.valueBytes)).type('application/octet-stream').send()
  })

  app.get(PATH, { schema: SCHEMAS.get, exposeHeadRoute: false }, (request, reply) => {
    const query = queryOf(request, ['encoding', 'at'])
    const key = keyOf(request, query)
    const moment = momentOf(query)
    if (moment === undefined)
      return reads.get(key, { answer: (entry) => answerValue(reply, entry), fail: (error) => reply.send(error) })
    return store.history.at(key, moment, { signal: whileConnected(reply) }).then((entry) => {
      answerValue(reply, entry)
      return reply
    })
  })

  const config = { write: true, conditional: true, long: true }
  app.put(PATH, { schema: SCHEMAS.put, config }, async (request, reply) => {
    const query = queryOf(request, ['encoding', 'ttl', 'expires'])
    const key = keyOf(request, query)
    const { expires, ttl } = lifetimeOf(query)
    const body = await readBody(request, reply, context)
    const { condition, rest } = conditionOf(request, body)
    const { applied, created, revision } = await conditionally(store, key, condition, (one) =>
      store.put(key, rest, { expires, ttl, condition: one }),
    )
    if (revision > 0) reply.header(HEADERS.revision, String(revision))
    if (!applied) throw conditionFailed()
    // When a time to live ends, only the store knows.
    const written = ttl === undefined ? { revision, checksum: checksum(key, rest, expires) } : await store.head(key)
    const tag = written?.revision === revision ? await tagOf(store, key, written) : undefined
    if (tag !== undefined) reply.header('etag', tag)
    return reply.code(created ? 201 : 200).send()
  })

  app.delete(PATH, { schema: SCHEMAS.del, config }, async (request, reply) => {
    const key = keyOf(request, queryOf(request, ['encoding']))
    const { condition } = conditionOf(request, await readBody(request, reply, context))
    const { applied } = await conditionally(store, key, condition, async (one) => ({
      ...NOT_APPLIED,
      applied: await store.del(key, { condition: one }),
    }))
    if (applied) return reply.code(204).send()
    // Which of the two it was is told as of now; the delete itself was one step.
    if (condition !== undefined && (await store.has(key))) throw conditionFailed()
    throw notFound()
  })
}

/** The ETag of an entry, by its value where the engine keeps no checksum; `undefined` when it has changed by now. */
async function tagOf(
  store: Store,
  key: Uint8Array,
  { revision, checksum: sum }: Pick<Head, 'revision' | 'checksum'>,
): Promise<string | undefined> {
  if (sum !== undefined) return etag(revision, sum)
  const entry = await store.getEntry(key)
  return entry?.revision === revision ? etag(revision, checksum(entry.key, entry.value, entry.expires)) : undefined
}

/** Sets what is told of an entry in headers; whether the client has it already. */
function isKnown(reply: FastifyReply, { expires }: Pick<Entry, 'expires'>, tag: string | undefined): boolean {
  if (tag !== undefined) reply.header('etag', tag)
  if (expires !== undefined) reply.header(HEADERS.expires, String(expires))
  const { 'if-match': wanted, 'if-none-match': known } = reply.request.headers
  if (wanted !== undefined) {
    const tags = tagsOf(wanted)
    if (tags !== '*' && (tag === undefined || tags?.has(tag) !== true))
      throw new KvError('KV_CONDITION', 'the condition does not hold')
  }
  return known !== undefined && known.split(',').some((one) => ['*', tag].includes(one.trim().replace(/^W\//, '')))
}

/** The moment of the past that is asked for. Throws `KV_USAGE`. */
function momentOf(query: Query): Moment | undefined {
  const at = query.text('at')
  return at === undefined ? undefined : parseMoment(at, 'at')
}

function headOf(entry: Entry | undefined): Head | undefined {
  if (entry === undefined) return undefined
  const { key, value, revision, expires } = entry
  return { revision, expires, valueBytes: value.length, checksum: checksum(key, value, expires) }
}

/** A time to live goes on as one: it counts from the write, not from when the request came. */
function lifetimeOf(query: Query): Lifetime {
  const ttl = query.text('ttl')
  return { expires: query.integer('expires'), ttl: ttl === undefined ? undefined : parseDuration(ttl, 'time to live') }
}

/** The key is there, with one of some revisions or with any: no single condition of a store. */
interface Matching {
  readonly type: 'matching'
  readonly tags: TagList
}

/** Writes under a condition. {@link Matching} becomes one on the revision, until no other write comes between. */
async function conditionally(
  store: Store,
  key: Uint8Array,
  condition: Condition | Matching | undefined,
  write: (condition: Condition | undefined) => Promise<PutResult>,
): Promise<PutResult> {
  if (condition?.type !== 'matching') return write(condition)
  const { tags } = condition
  for (;;) {
    const head = await store.head(key)
    // By the strong comparison: a weak tag never is one of an entry.
    if (head === undefined || !(tags === '*' || tags.has((await tagOf(store, key, head)) ?? '')))
      return { ...NOT_APPLIED, revision: head?.revision ?? 0 }
    const same = await sameAs(store, key, head)
    if (same === undefined) continue
    const result = await write(same)
    if (result.applied) return result
  }
}

/** The condition that an entry is unchanged, by its value where it has no revision; `undefined` when it is gone. */
async function sameAs(store: Store, key: Uint8Array, { revision }: Head): Promise<Condition | undefined> {
  if (revision > 0) return { type: 'revision', revision }
  const value = await store.get(key)
  return value && { type: 'value', value }
}

/** The condition that the headers ask for, and the body without what belongs to it. */
function conditionOf({ headers }: FastifyRequest, body: Buffer): { condition?: Condition | Matching; rest: Buffer } {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  const { [HEADERS.ifValueLength]: length, [HEADERS.ifRevision]: given } = headers
  if ([match, noneMatch, length, given].filter((one) => one !== undefined).length > 1)
    throw usageError('conditions exclude each other')
  if (match !== undefined) {
    const tags = tagsOf(match)
    if (tags === undefined) throw usageError('If-Match must be * or ETags')
    return { condition: { type: 'matching', tags }, rest: body }
  }
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*') throw usageError('If-None-Match of a write must be *')
    return { condition: { type: 'absent' }, rest: body }
  }
  if (given !== undefined) {
    const revision = revisionFrom(String(given))
    if (revision === undefined) throw usageError('Kv-If-Revision must be a number')
    return { condition: { type: 'revision', revision }, rest: body }
  }
  if (length === undefined) return { rest: body }
  const bytes = Number(length)
  if (!/^\d+$/.test(String(length)) || bytes > body.length)
    throw usageError('Kv-If-Value-Length must be a length within the body')
  return { condition: { type: 'value', value: body.subarray(0, bytes) }, rest: body.subarray(bytes) }
}
