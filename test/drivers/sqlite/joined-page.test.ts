import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type JoinedRow, entriesOf } from '../../../src/drivers/sqlite/read/joined-page.ts'
import { hex, noise, text } from '../../helpers/bytes.ts'
import { entries, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

test('numbers and bytes of a page make its entries', () => {
  expect(entriesOf([null, null, null])).toEqual([])
  expect(entriesOf([text('abbccc'), text('1'), '1 0 7 ,2 x 8 1234,3 1 9007199254740991 '])).toEqual([
    { key: text('a'), value: hex(''), revision: 7, expires: undefined },
    { key: text('bb'), value: undefined, revision: 8, expires: 1234 },
    { key: text('ccc'), value: text('1'), revision: Number.MAX_SAFE_INTEGER, expires: undefined },
  ])
  expect(entriesOf([text('a'), null, '1 0 -7 '])).toEqual([
    { key: text('a'), value: hex(''), revision: -7, expires: undefined },
  ])
})

test.each([
  ['a key too few', text('ab'), text('1'), '1 1 7 ,2 0 7 '],
  ['a key too many', text('abc'), text('1'), '1 1 7 '],
  ['a value too many', text('a'), text('12'), '1 1 7 '],
  ['no revision', text('a'), text('1'), '1 1  '],
  ['a revision that is no safe number', text('a'), text('1'), '1 1 9007199254740993 '],
  ['text for bytes', 'a', text('1'), '1 1 7 '],
  ['a number for text', text('a'), text('1'), 7],
])('a damaged page is refused: %s', (_, ...row) => {
  expect(() => entriesOf(row as unknown as JoinedRow)).toThrow(expect.objectContaining({ errcode: 11 }))
})

test('a short value shares memory with its neighbours only, and nobody can take that from them', async () => {
  const store = await openTestStore(join(tempDir(), 'store.kv'))
  await store.batch(Array.from({ length: 900 }, (_, n) => ({ type: 'put', key: `k${n}`, value: noise(1000) })))
  const values = (await entries(store)).map(({ value }) => value)
  for (const { buffer } of values) expect(buffer.byteLength).toBeLessThanOrEqual(8192)
  const [value] = values
  try {
    structuredClone(value, { transfer: [value!.buffer as ArrayBuffer] })
  } catch {
    // From Node 21 on it is refused, before that it is copied.
  }
  expect(value).toHaveLength(1000)
})
