import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { open } from './sessions.ts'

const HISTORY = '.local/state/kv/history'

test('history is kept across sessions, for the user alone; blanks and secrets are not', async () => {
  const home = tempDir()
  using first = await open({ home })
  await first.run('put a 1')
  await first.run(' put hidden 2')
  await first.run('count --token abc')
  await first.run("put b 'x\\y'")
  await first.leave()
  expect(readFileSync(join(home, HISTORY), 'utf8')).toBe("put a 1\nput b 'x\\\\y'\n")
  expect(statSync(join(home, HISTORY)).mode & 0o777).toBe(0o600)
  using second = await open({ home })
  second.type('\u001b[A')
  await second.until("t.kv> put b 'x\\y'")
  second.type('\u001b[A')
  await second.until('t.kv> put a 1')
})

test('two sessions at once lose none of their lines', async () => {
  const home = tempDir()
  using one = await open({ home })
  using two = await open({ home })
  for (let i = 0; i < 10; i++) await Promise.all([one.run(`get one-${i}`), two.run(`get two-${i}`)])
  const kept = readFileSync(join(home, HISTORY), 'utf8').split('\n')
  for (let i = 0; i < 10; i++) expect(kept).toEqual(expect.arrayContaining([`get one-${i}`, `get two-${i}`]))
  expect(kept).toHaveLength(21)
})

test('Ctrl-R finds an older line, and Enter runs it', async () => {
  using screen = await open()
  await screen.run('put needle 42')
  await screen.run('count')
  screen.type('\u0012need')
  await screen.until("search 'need': put needle 42")
  screen.type('\r')
  await screen.until('replaced needle (2 B)')
})

test('the newest line that begins alike is shown, and Right takes it', async () => {
  using screen = await open()
  await screen.run('put ghost:1 boo')
  screen.type('put gh')
  await screen.until(/> put ghost:1 boo$/)
  expect(screen.cursor.column).toBe('t.kv> put gh'.length)
  screen.type('\u001b[C')
  await screen.until(() => screen.cursor.column === 't.kv> put ghost:1 boo'.length)
})

test('a history that has grown too long is cut to its newest 5,000 lines at the next start', async () => {
  const home = tempDir()
  const file = join(home, HISTORY)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, Array.from({ length: 7000 }, (_, i) => `get old:${i}\n`).join(''), { mode: 0o644 })
  using screen = await open({ home })
  const lines = readFileSync(file, 'utf8').split('\n')
  expect([lines.length, lines[0], lines.at(-2)]).toEqual([5001, 'get old:2000', 'get old:6999'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(dirname(file))).toEqual(['history'])
  await screen.run('count')
  expect(readFileSync(file, 'utf8').endsWith('get old:6999\ncount\n')).toBe(true)
})

test('a line longer than a history wants is known to the session only', async () => {
  const home = tempDir()
  using screen = await open({ home })
  screen.paste(`put k ${'v'.repeat(20_000)}`)
  await screen.until(/^v{100}$/m)
  screen.type('\r')
  await screen.until('created k (20 kB)')
  // Its prompt must be there, or it would be taken for the one after the next command.
  await screen.until(() => />\s*$/.test(screen.cursor.line))
  await screen.run('count')
  expect(readFileSync(join(home, HISTORY), 'utf8')).toBe('count\n')
})
