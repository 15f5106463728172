import { expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/driver.ts'
import { fieldNames } from '../../src/completion/field-names.ts'
import { Store } from '../../src/store/store.ts'
import { given, open } from '../repl/sessions.ts'

const ADA = '{"id":1,"name":"Ada","address":{"city":"London","zip":"N1"},"tags":["a","b"],"a.b":1}'

test.for([
  ['user:1', '.', ['.id', '.name', '.address', '.tags']],
  ['user:1', '.na', ['.name']],
  ['user:1', '.address.', ['.address.city', '.address.zip']],
  ['user:1', '.address.c', ['.address.city']],
  ['user:1', '.tags.', ['.tags.0', '.tags.1']],
  ['user:1', '.name.', []],
  ['user:1', '.nothing.', []],
  ['text', '.', []],
  ['user:9', '.', []],
] as const)('the fields of %s after %s', async ([key, word, expected]) => {
  const store = new Store('memory', new MemoryDriver())
  await store.put('user:1', ADA)
  await store.put('text', 'plain')
  expect(await fieldNames(store, key, word, new AbortController().signal)).toEqual(expected)
})

test('Tab completes a field of the key before it', async () => {
  using screen = await open({ home: await given([['user:1', ADA]]) })
  screen.type('get user:1 .addr\t')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> get user:1 .address'))
  await screen.run('.city')
  expect(screen.lines).toContain('London')
})
