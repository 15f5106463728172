/** What tells of the server and its store: health, readiness, metrics, facts. */
import { basename } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { asBuffer } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { whileConnected } from '../http/heartbeats.ts'
import { MAX_OPS, PATHS, type ServerInfo } from '../../protocol/http-api.ts'
import { HttpError, busy } from '../http/http-error.ts'
import { note } from '../http/request-log.ts'
import { answer, content, endpoint, integer, list, object, optional } from '../docs/schema.ts'
import { type RouteContext, queryOf, sendJson } from '../route-context.ts'

const tags = ['Operations']
const STATUS = object({ status: { type: 'string' } })

const SCHEMAS = {
  health: endpoint('read', {
    tags,
    summary: 'Whether the server runs',
    security: [],
    response: { 200: answer('It does', STATUS, { status: 'ok' }) },
  }),
  ready: endpoint('read', {
    tags,
    summary: 'Whether the store answers',
    security: [],
    response: { 200: answer('It does', STATUS, { status: 'ready' }) },
  }),
  metrics: endpoint('read', {
    tags,
    summary: 'Figures for Prometheus',
    response: { 200: content('Text format', 'text/plain') },
  }),
  stat: endpoint('read', {
    tags,
    summary: 'Facts about the store',
    response: {
      200: answer(
        'Counts and bytes',
        optional({
          driver: { type: 'string' },
          entries: integer(),
          expiring: integer(),
          revision: integer(),
          size_bytes: integer(),
          details: { type: 'object' },
        }),
        { driver: 'sqlite', entries: 2, expiring: 0, revision: 8, size_bytes: 28672, details: { pages: 7 } },
      ),
    },
  }),
  check: endpoint('read', {
    tags,
    summary: 'Read every entry and compare it with its checksum',
    response: {
      200: answer(
        'What was found',
        object({
          checked: integer(),
          unchecked: integer(),
          damaged_keys_base64: list({ type: 'string' }),
          problems: list({ type: 'string' }),
        }),
        { checked: 2, unchecked: 0, damaged_keys_base64: [], problems: [] },
      ),
    },
  }),
}

/** Adds these routes to a server. */
export function opsRoutes(app: FastifyInstance, { store, limits, metrics, bodyLimits, readOnly }: RouteContext): void {
  app.get(PATHS.health, { schema: SCHEMAS.health, config: { always: true } }, (_request, reply) =>
    sendJson(reply, { status: 'ok' }),
  )

  const ready = async (reply: FastifyReply): Promise<void> => {
    if (limits.isClosing) throw busy('the server is going down')
    try {
      await store.checkUsable({ write: !readOnly })
    } catch (error) {
      if (!(error instanceof KvError) || error.code === 'KV_INTERNAL') throw error
      // This is told to whoever asks, so without names of files; the log has them.
      note(reply.raw, { cause: error.message })
      throw new HttpError(503, { detail: 'the store cannot be used', code: error.code }, { 'retry-after': '1' })
    }
  }
  app.get(PATHS.ready, { schema: SCHEMAS.ready }, async (_request, reply) => {
    await ready(reply)
    return sendJson(reply, { status: 'ready' })
  })

  // What proxies ask when they are not told what to: `OPTIONS /` and `OPTIONS *`.
  for (const path of ['/', PATHS.health, PATHS.ready]) {
    app.options(path, { schema: { hide: true }, config: { always: true } }, async (_request, reply) => {
      if (path === PATHS.ready) await ready(reply)
      return reply.header('allow', 'GET, HEAD, OPTIONS').code(204).send()
    })
  }

  app.get(PATHS.metrics, { schema: SCHEMAS.metrics }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )

  // For the driver: what it may take for granted.
  app.get(PATHS.info, { schema: { hide: true } }, (_request, reply) => {
    const { maxKeyBytes, maxValueBytes, maxEntryBytes, maxBatchBytes, maxBatchOps } = store.limits
    const info: ServerInfo = {
      server: 'kv',
      driver: store.driverName,
      read_only: readOnly,
      snapshot_range: store.supports.snapshotRange,
      persistent: store.supports.persistent,
      watch: store.supports.watch && !readOnly,
      max_key_bytes: maxKeyBytes,
      max_value_bytes: Math.min(maxValueBytes, bodyLimits.maxBodyBytes),
      // Leaves room in a body for the heads of frames; what is over it after all gets 413.
      max_batch_bytes: Math.min(maxBatchBytes, Math.floor(bodyLimits.maxBodyBytes * 0.75)),
      max_batch_ops: Math.min(maxBatchOps, MAX_OPS),
      max_entry_bytes: maxEntryBytes === Infinity ? undefined : maxEntryBytes,
      op_overhead_bytes: store.limits.opOverheadBytes,
      expiry_step_ms: store.limits.expiryStepMs,
      load_in_parts: Math.min(maxBatchOps, maxBatchBytes) !== Infinity,
      load_deletes: true,
      load_if_absent: true,
      batch_conditions: true,
      usage: true,
      history: store.history.isSupported,
    }
    return sendJson(reply, info)
  })

  app.get(PATHS.stat, { schema: SCHEMAS.stat, config: { long: true } }, async (request, reply) => {
    queryOf(request, [])
    const { entries, expiring, revision, sizeBytes, details } = await store.stat()
    // Where the file lies on this machine, and who has it open, is nobody's business elsewhere.
    const { open_by: _, ...others } = details
    const told = typeof others['file'] === 'string' ? { ...others, file: basename(others['file']) } : others
    const facts = { driver: store.driverName, entries, expiring, revision, size_bytes: sizeBytes, details: told }
    return sendJson(reply, facts)
  })

  app.post(PATHS.check, { schema: SCHEMAS.check, config: { long: true } }, async (request, reply) => {
    queryOf(request, [])
    const { exists, checked, unchecked, damagedKeys, problems } = await store.check({ signal: whileConnected(reply) })
    return sendJson(reply, {
      ...(exists === false && { exists }),
      checked,
      unchecked,
      damaged_keys_base64: damagedKeys.map((key) => asBuffer(key).toString('base64')),
      problems,
    })
  })
}
