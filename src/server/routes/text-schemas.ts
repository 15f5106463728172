import { type Schema, WRONG_FIELDS, answer, endpoint, error, list, object, string } from '../docs/schema.ts'

const KEY = string('any text but the empty one', 'user:1')
const VALUE = string('any text', 'Ada')
const ENTRY = object({ key: KEY, value: VALUE })
const ADA = { key: 'user:1', value: 'Ada' }
const LIST = list({ type: 'string' })
const tags = ['Keys and values as text']
const params = object({ key: string('percent-encoded', 'user:1') })
const missing = error(404, 'Key not found')

/** Success with a message and data, and the fields that may be wrong. */
function answers(description: string, message: string, schema: Schema, data: unknown): Record<number, Schema> {
  const body = object({ message: { type: 'string' }, data: schema })
  return { 200: answer(description, body, { message, data }), 422: WRONG_FIELDS }
}

/** Descriptions of the five endpoints for text. */
export const TEXT_SCHEMAS = {
  read: endpoint('read', {
    errors: [406, 413],
    tags,
    summary: 'Read the value of a key',
    params,
    response: { ...answers('The value', 'Key data fetched successfully.', ENTRY, ADA), 404: missing },
  }),
  readKeyRange: endpoint('read', {
    errors: [406, 413],
    tags,
    summary: 'Read the entries from one key to another, both included',
    querystring: object({ start_key: string('first key', 'user:1'), end_key: string('last key', 'user:9') }),
    response: {
      ...answers('The entries in byte order of their keys', 'Data range fetched successfully.', list(ENTRY), [
        ADA,
        { key: 'user:2', value: 'Grace' },
      ]),
      400: error(400, 'start_key must not be after end_key'),
    },
  }),
  put: endpoint('write', {
    tags,
    summary: 'Store a value under a key',
    querystring: object({ key: KEY, value: VALUE }),
    response: answers('Stored, and on disk', 'Key-Value pair stored successfully.', ENTRY, ADA),
  }),
  batchPut: endpoint('write', {
    errors: [415],
    tags,
    summary: 'Store many values, all or nothing',
    description: 'At most 100,000.',
    consumes: ['application/json'],
    body: object({
      keys: { ...LIST, examples: [['user:1', 'user:2']] },
      values: { ...LIST, examples: [['Ada', 'Grace']] },
    }),
    response: {
      ...answers('Stored, and on disk', 'Batch put successful.', object({ keys: list(KEY), values: list(VALUE) }), {
        keys: ['user:1', 'user:2'],
        values: ['Ada', 'Grace'],
      }),
      400: error(400, 'Keys and values length must match'),
    },
  }),
  delete: endpoint('write', {
    errors: [406],
    tags,
    summary: 'Delete a key',
    params,
    response: {
      ...answers('Deleted', 'Key deleted successfully.', object({ key: KEY }), { key: 'user:1' }),
      404: missing,
    },
  }),
}
