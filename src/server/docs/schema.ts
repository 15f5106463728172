import type { Code } from '../../errors.ts'
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

/** A schema of an object, any of whose members may be left out. */
export function optional(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties }
}

/** A schema of a whole number. */
export function integer(description?: string): Schema {
  return { type: 'integer', ...(description !== undefined && { description }) }
}

/** A schema of an array. */
export function list(items: Schema): Schema {
  return { type: 'array', items }
}

/** An answer without a body. */
export function empty(description: string): Schema {
  return { description, type: 'null' }
}

/** How keys are written in paths and queries. */
export function encoding(of: string): Schema {
  const description = `how ${of} written, before percent-encoding`
  return { type: 'string', enum: ['utf8', 'hex', 'base64'], description }
}

/** An answer in JSON with an example. */
export function answer(description: string, schema: Schema, example: unknown): Schema {
  return { description, content: { 'application/json': { schema, examples: { example: { value: example } } } } }
}

/** An answer or body that is not JSON. */
export function content(description: string, type: string, example?: string): Schema {
  const schema = { type: 'string', ...(type === 'application/octet-stream' && { format: 'binary' }) }
  const examples = { example: { value: example } }
  return { description, content: { [type]: { schema, ...(example !== undefined && { examples }) } } }
}

const FIELD = object({
  loc: list({ anyOf: [{ type: 'string' }, integer()] }),
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
    details: {
      type: 'object',
      properties: {
        condition: { type: 'integer', description: 'of a batch: which of its conditions does not hold, from 0' },
      },
    },
  },
}

/** Errors by status: what they are, and the detail, code and hint of an example. */
const ERRORS: Readonly<Record<number, readonly [description: string, detail: string, code?: Code, hint?: string]>> = {
  400: ['The call is wrong', 'start is after end', 'KV_USAGE'],
  401: [
    'The token is missing or wrong',
    'this server needs a token',
    'KV_DENIED',
    'send it as Authorization: Bearer TOKEN',
  ],
  403: ['A foreign Host or Origin, or a server that only reads', 'this server only reads', 'KV_READ_ONLY'],
  404: ['The key is not there', 'key not found', 'KV_NOT_FOUND'],
  406: [
    'Bytes that are not UTF-8 cannot be shown as JSON',
    'the value is not UTF-8 and cannot be shown as JSON; read it with GET /v1/keys/{key}',
  ],
  408: ['The client stopped sending', 'nothing of the body came for 30000 ms', 'KV_UNAVAILABLE'],
  410: [
    'Changes since that position are no longer kept',
    'changes since that position are no longer kept',
    'KV_WATCH_GAP',
    'read the store again, and watch from then on',
  ],
  412: ['The condition does not hold; nothing was written', 'the condition does not hold', 'KV_CONDITION'],
  413: [
    'A key, value or body over a limit',
    "a body of 70000000 bytes is over this server's limit of 64000000",
    'KV_TOO_LARGE',
  ],
  415: ['A packed body', 'bodies in gzip are not unpacked here', 'KV_NOT_SUPPORTED'],
  422: ['A record of the body is refused', 'line 3: invalid JSON at column 12', 'KV_INVALID_INPUT'],
  431: ['The address or the headers are too long', 'the address or the headers are too long'],
  500: ['The store failed', 'reading or writing app.kv failed: disk I/O error', 'KV_IO'],
  501: ['This store cannot do it', 'a watch keeps a log in the store, and this server only reads', 'KV_NOT_SUPPORTED'],
  503: [
    'Too much is under way, or another process holds the lock; try again',
    '1024 requests are under way',
    'KV_UNAVAILABLE',
  ],
  507: ['The disk is full', 'no space left to write app.kv', 'KV_DISK_FULL'],
}

/** 422 of the plain endpoints: the fields that are missing or wrong. */
export const WRONG_FIELDS = answer('A field is missing or has the wrong type', object({ detail: list(FIELD) }), {
  detail: [{ loc: ['query', 'key'], msg: 'Field required', type: 'missing' }],
})

/** 410 of the past: what is kept does not tell it. */
export const HISTORY_GAP = answer('What is kept does not tell this', DETAIL, {
  detail: 'this store keeps no old versions',
  code: 'KV_HISTORY_GAP',
  hint: 'keep them from now on: kv history on',
})

/** The schema of an error, with the detail that this endpoint gives or an example. */
export function error(status: number, own?: string): Schema {
  const [description, detail, code, hint] = ERRORS[status]!
  return answer(description, DETAIL, own === undefined ? { detail, code, hint } : { detail: own })
}

/** What any call can be answered with besides its own answers. */
const READ_ERRORS = [400, 401, 403, 431, 500, 503]
const WRITE_ERRORS = [...READ_ERRORS, 408, 413, 507]

/** The schema of an endpoint: its own answers, the errors named, and those any call can meet. */
export function endpoint(
  kind: 'read' | 'write',
  { errors = [], ...schema }: FastifySchema & { readonly errors?: readonly number[] } & Record<string, unknown>,
): FastifySchema {
  const all = [...(kind === 'write' ? WRITE_ERRORS : READ_ERRORS), ...errors].sort((a, b) => a - b)
  const response = {
    ...Object.fromEntries(all.map((status) => [status, error(status)])),
    ...(schema.response as object),
  }
  return { ...schema, response }
}

/** For `fastify()`: no validators and serializers from schemas. Handlers check and write bytes themselves. */
export const WITHOUT_COMPILERS: Pick<FastifyServerOptions, 'schemaController'> = {
  schemaController: {
    compilersFactory: {
      buildValidator: () => () => undefined as never,
      buildSerializer: () => () => (data) => JSON.stringify(data),
    },
  },
}
