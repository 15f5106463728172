import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changeOf } from '../../src/formats/json/change-reader.ts'
import { DeferredText } from '../../src/formats/deferred-text.ts'
import { writeJsonChange } from '../../src/formats/json/writer.ts'
import type { Change } from '../../src/store/driver/entry.ts'

const bytes = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
  fc.uint8Array(),
)
const put = fc.record({
  type: fc.constant('put' as const),
  key: bytes,
  value: bytes,
  revision: fc.nat(),
  expires: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
  position: fc.constant('log-1'),
})
const del = fc.record({ type: fc.constant('del' as const), key: bytes, position: fc.constant('log-1') })

/** The data of the event of a change, as a server sends it. */
function dataOf(change: Change): Uint8Array {
  const out = new DeferredText()
  writeJsonChange(out, change, { keyEncoding: 'utf8', valueEncoding: 'utf8', jsonValues: false }, 'revised')
  return Buffer.concat([...out.take()])
}

test('any change that a server sends is read as it was', () => {
  fc.assert(
    fc.property(
      fc.oneof(put, del),
      (change) => void expect(changeOf(change.type, change.position, dataOf(change))).toEqual(change),
    ),
  )
})

test.for([
  '',
  '{',
  '{}',
  '[]',
  '{"key":1',
  '{"value":"v"}',
  '{"key":"k"',
  '{"key":"k";}',
  '{"key_base64":"*"}',
  '{"key":"\u00ff',
])('%s is no change', (text) => {
  expect(() => changeOf('put', 'log-1', new Uint8Array(Buffer.from(text, 'latin1')))).toThrow(
    expect.objectContaining({ code: 'KV_UNAVAILABLE' }),
  )
})
