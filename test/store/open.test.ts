import { expect, test } from 'vitest'
import { type OpenOptions, openStore } from '../../src/index.ts'
import { failure } from '../helpers/store.ts'

test.for(['', 'two words', 'line\n', '\u{e4}'])('a token that no header can hold is refused: %j', async (token) => {
  const error = await failure(() => openStore('http://127.0.0.1:1', { credentials: { token } }))
  expect(error).toMatchObject({ code: 'KV_USAGE', hint: 'a token is one word of printable ASCII' })
})

test.for<[string, string, OpenOptions]>([
  ['sqlite', 'unmade.kv', { credentials: { token: 'secret' } }],
  ['memory', 'memory:', { credentials: { token: 'secret' } }],
  ['memory', 'memory:', { makeFolder: true }],
  ['http', 'http://127.0.0.1:1', { clock: () => 0 }],
  ['http', 'http://127.0.0.1:1', { makeFolder: true }],
  ['http', 'http://127.0.0.1:1', { cache: 1 << 20 }],
])('%s refuses by name what it cannot honour: %s %o', async ([driver, location, options]) => {
  const [name] = Object.keys(options)
  expect(await failure(() => openStore(location, options))).toMatchObject({
    code: 'KV_NOT_SUPPORTED',
    message: `a store of the ${driver} driver has no use for the option ${name}`,
  })
})
