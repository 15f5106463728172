import { WRONG_FIELDS, answer, endpoint, error, object, string } from '../docs/schema.ts'

const KEY = string('any text but the empty one', 'user:1')
const VALUE = string('any text', 'Ada')
const MESSAGE = { type: 'string' }
const ENTRY = object({ key: KEY, value: VALUE })
const tags = ['Keys and values as text']
const params = object({ key: string('percent-encoded', 'user:1') })
const missing = error(404, 'Key not found')

/** Descriptions of the five plain endpoints. */
export const TEXT_SCHEMAS = {
  read: endpoint(
    'read',
    {
      tags,
      summary: 'Read the value of a key',
      params,
      response: {
        200: answer('The value', object({ message: MESSAGE, data: ENTRY }), {
          message: 'Key data fetched successfully.',
          data: { key: 'user:1', value: 'Ada' },
        }),
        404: missing,
        422: WRONG_FIELDS,
      },
    },
    [406, 413],
  ),
  readKeyRange: endpoint(
    'read',
    {
      tags,
      summary: 'Read the entries from one key to another, both included',
      querystring: object({ start_key: string('first key', 'user:1'), end_key: string('last key', 'user:9') }),
      response: {
        200: answer(
          'The entries in byte order of their keys',
          object({ message: MESSAGE, data: { type: 'array', items: ENTRY } }),
          {
            message: 'Data range fetched successfully.',
            data: [
              { key: 'user:1', value: 'Ada' },
              { key: 'user:2', value: 'Grace' },
            ],
          },
        ),
        400: error(400, 'start_key must not be after end_key'),
        422: WRONG_FIELDS,
      },
    },
    [406, 413],
  ),
  put: endpoint('write', {
    tags,
    summary: 'Store a value under a key',
    querystring: object({ key: KEY, value: VALUE }),
    response: {
      200: answer('Stored, and on disk', object({ message: MESSAGE, data: ENTRY }), {
        message: 'Key-Value pair stored successfully.',
        data: { key: 'user:1', value: 'Ada' },
      }),
      422: WRONG_FIELDS,
    },
  }),
  batchPut: endpoint(
    'write',
    {
      tags,
      summary: 'Store many values, all or nothing',
      description: 'At most 100,000.',
      consumes: ['application/json'],
      body: object({
        keys: { type: 'array', items: { type: 'string' }, examples: [['user:1', 'user:2']] },
        values: { type: 'array', items: { type: 'string' }, examples: [['Ada', 'Grace']] },
      }),
      response: {
        200: answer(
          'Stored, and on disk',
          object({
            message: MESSAGE,
            data: object({ keys: { type: 'array', items: KEY }, values: { type: 'array', items: VALUE } }),
          }),
          {
            message: 'Batch put successful.',
            data: { keys: ['user:1', 'user:2'], values: ['Ada', 'Grace'] },
          },
        ),
        400: error(400, 'Keys and values length must match'),
        422: WRONG_FIELDS,
      },
    },
    [415],
  ),
  delete: endpoint(
    'write',
    {
      tags,
      summary: 'Delete a key',
      params,
      response: {
        200: answer('Deleted', object({ message: MESSAGE, data: object({ key: KEY }) }), {
          message: 'Key deleted successfully.',
          data: { key: 'user:1' },
        }),
        404: missing,
        422: WRONG_FIELDS,
      },
    },
    [406],
  ),
}
