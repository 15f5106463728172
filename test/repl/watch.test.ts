import { expect, test } from 'vitest'
import { given, kv, open } from './sessions.ts'

test('kv watch in a session shows changes as they come, without a pager, until Ctrl-C', async () => {
  const home = await given([['a', '1']])
  using screen = await open({ home, rows: 8, env: { PAGER: 'exit 1; #' } })
  screen.type('watch --all\r')
  await screen.until('kv: watching all keys; Ctrl-C ends it')
  // The note is shown when the watch stands.
  for (let i = 0; i < 12; i++) await kv(home, 'put', `key${i}`, `value ${i}`)
  await screen.until('put  key11  value 11')
  await screen.interrupt()
  for (let i = 0; i < 12; i++) expect(screen.lines).toContain(`put  key${i}  value ${i}`)
  await screen.run('watch key1 --limit 0')
  await screen.run('count')
  expect(screen.lines).toContain('13')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('Ctrl-D ends a watch that has no --limit, and the session goes on', async () => {
  using screen = await open({ home: await given([['a', '1']]) })
  screen.type('watch a\r')
  await screen.until('kv: watching a; Ctrl-C ends it')
  screen.type('\u0004')
  await screen.until('[130]>')
  await screen.run('count')
  expect(screen.lines).toContain('1')
  await screen.leave()
})

test('the keys of kv watch are completed', async () => {
  using screen = await open({ home: await given([['only:key', '1']]) })
  screen.type('watch on\t')
  await screen.until('watch only:key')
  screen.type('\u0003')
})
