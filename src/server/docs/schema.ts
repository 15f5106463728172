import type { FastifySchema, FastifyServerOptions } from 'fastify'

/** A JSON schema as the description of the API shows it. Nothing is validated by it: handlers do that, byte-exact. */
export type Schema = Readonly<Record<string, unknown>>

/** A schema of a string with an example. */
export function string(description: string, example: string): Schema {
  return { type: 'string', description, examples: [example] }
}

/** A schema of an object, all of whose members are there. */
export function object(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', required: Object.keys(properties), properties }
}

/** An answer in JSON with an example. */
export function answer(description: string, schema: Schema, example: unknown): Schema {
  return { description, content: { 'application/json': { schema, examples: { example: { value: example } } } } }
}

/** An answer or body that is not JSON. */
export function content(description: string, type: string, example?: string): Schema {
  const schema = { type: 'string', ...(type === 'application/octet-stream' ? { format: 'binary' } : {}) }
  return {
    description,
    content: { [type]: { schema, ...(example === undefined ? {} : { examples: { example: { value: example } } }) } },
  }
}

const FIELD = object({
  loc: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
  msg: { type: 'string' },
  type: { type: 'string' },
})

const DETAIL = {
  type: 'object',
  required: ['detail'],
  properties: {
    detail: { type: 'string' },
    code: { type: 'string', description: 'a stable code of kv' },
    hint: { type: 'string' },
  },
}

const ERRORS: Readonly<Record<number, Schema>> = {
  400: answer('The call is wrong', DETAIL, { detail: 'start is after end', code: 'KV_USAGE' }),
  401: answer('The token is missing or wrong', DETAIL, {
    detail: 'this server needs a token',
    code: 'KV_DENIED',
    hint: 'send it as Authorization: Bearer TOKEN',
  }),
  403: answer('A foreign Host or Origin, or a server that only reads', DETAIL, {
    detail: 'this server only reads',
    code: 'KV_READ_ONLY',
  }),
  404: answer('The key is not there', DETAIL, { detail: 'key not found', code: 'KV_NOT_FOUND' }),
  406: answer('Bytes that are not UTF-8 cannot be shown as JSON', DETAIL, {
    detail: 'the value is not UTF-8 and cannot be shown as JSON; read it with GET /v1/keys/{key}',
  }),
  408: answer('The client stopped sending', DETAIL, {
    detail: 'nothing of the body came for 30000 ms',
    code: 'KV_UNAVAILABLE',
  }),
  410: answer('Changes since that position are no longer kept', DETAIL, {
    detail: 'changes since that position are no longer kept',
    code: 'KV_WATCH_GAP',
    hint: 'read the store again, and watch from then on',
  }),
  412: answer('The condition does not hold; nothing was written', DETAIL, {
    detail: 'the condition does not hold',
    code: 'KV_CONDITION',
  }),
  413: answer('A key, value or body over a limit', DETAIL, {
    detail: "a body of 70000000 bytes is over this server's limit of 64000000",
    code: 'KV_TOO_LARGE',
  }),
  415: answer('A packed body', DETAIL, { detail: 'bodies in gzip are not unpacked here', code: 'KV_NOT_SUPPORTED' }),
  422: answer('A record of the body is refused', DETAIL, {
    detail: 'line 3: invalid JSON at column 12',
    code: 'KV_INVALID_INPUT',
  }),
  431: answer('The address or the headers are too long', DETAIL, { detail: 'the address or the headers are too long' }),
  500: answer('The store failed', DETAIL, {
    detail: 'reading or writing app.kv failed: disk I/O error',
    code: 'KV_IO',
  }),
  501: answer('This store cannot do it', DETAIL, {
    detail: 'a watch keeps a log in the store, and this server only reads',
    code: 'KV_NOT_SUPPORTED',
  }),
  503: answer('Too much is under way, or another process holds the lock; try again', DETAIL, {
    detail: '1024 requests are under way',
    code: 'KV_UNAVAILABLE',
  }),
  507: answer('The disk is full', DETAIL, { detail: 'no space left to write app.kv', code: 'KV_DISK_FULL' }),
}

/** 422 of the plain endpoints: the fields that are missing or wrong. */
export const WRONG_FIELDS = answer(
  'A field is missing or has the wrong type',
  object({ detail: { type: 'array', items: FIELD } }),
  {
    detail: [{ loc: ['query', 'key'], msg: 'Field required', type: 'missing' }],
  },
)

/** An error answer with the detail this endpoint gives. */
export function error(status: number, detail: string): Schema {
  return answer((ERRORS[status] as { description: string }).description, DETAIL, { detail })
}

/** What any call can be answered with besides its own answers. */
const READ_ERRORS = [400, 401, 403, 431, 500, 503]
const WRITE_ERRORS = [...READ_ERRORS, 408, 413, 507]

/** The schema of an endpoint: its own answers, the errors named, and those any call can meet. */
export function endpoint(
  kind: 'read' | 'write',
  schema: FastifySchema & Record<string, unknown>,
  errors: readonly number[] = [],
): FastifySchema {
  const all = [...(kind === 'write' ? WRITE_ERRORS : READ_ERRORS), ...errors].sort((a, b) => a - b)
  const response = {
    ...Object.fromEntries(all.map((status) => [status, ERRORS[status]])),
    ...(schema.response as object),
  }
  return { ...schema, response }
}

/**
 * For `fastify()`: neither validators nor serializers are made from schemas. Handlers check what they take, byte-exact,
 * and write what they send.
 */
export const WITHOUT_COMPILERS: Pick<FastifyServerOptions, 'schemaController'> = {
  schemaController: {
    compilersFactory: {
      buildValidator: () => () => undefined as never,
      buildSerializer: () => () => (data) => JSON.stringify(data),
    },
  },
}
