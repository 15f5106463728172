import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { History, historyFile } from '../../../src/repl/prompt/history.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { open } from '../sessions.ts'

const HISTORY = '.local/state/kv/history'

test('history is kept across sessions, for the user alone; blanks and secrets are not', async () => {
  const home = tempDir()
  using first = await open({ home })
  await first.run('put a 1')
  await first.run(' put hidden 2')
  await first.run('count --token abc')
  await first.run('.open http://user:password@localhost:1')
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

/** Adds lines to a history, as sessions one after another would. */
function sessions(path: string, ...lines: string[]): History {
  for (const line of lines) new History({ path, isOwn: false }).add(line)
  return new History({ path, isOwn: false })
}

test('KV_HISTFILE changes no file but by adding lines, and keeps its rights', async () => {
  const home = tempDir()
  const file = join(home, 'mine')
  writeFileSync(file, Array.from({ length: 7000 }, (_, i) => `line ${i}\n`).join(''), { mode: 0o644 })
  symlinkSync('mine', join(home, 'link'))
  using screen = await open({ home, env: { KV_HISTFILE: 'link' } })
  await screen.run('count')
  await screen.leave()
  expect(readFileSync(file, 'utf8').split('\n').slice(-3)).toEqual(['line 6999', 'count', ''])
  expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(7002)
  expect(statSync(file).mode & 0o777).toBe(0o644)
  expect(readdirSync(home).sort()).toEqual(['link', 'mine'])
})

test('a device, a pipe, a folder, a missing folder or what is no text is no history, and is left as it is', () => {
  const home = tempDir()
  execFileSync('mkfifo', ['-m', '644', join(home, 'pipe')])
  mkdirSync(join(home, 'folder'), { mode: 0o755 })
  const binary = Buffer.from('SQLite format 3\0\xff', 'latin1')
  writeFileSync(join(home, 'store.kv'), binary, { mode: 0o644 })
  for (const name of ['pipe', 'folder', 'store.kv']) {
    expect(sessions(join(home, name), 'count').lines).toEqual([])
    expect(statSync(join(home, name)).mode & 0o777).toBe(name === 'folder' ? 0o755 : 0o644)
  }
  expect(readFileSync(join(home, 'store.kv'))).toEqual(binary)
  expect(historyFile({ KV_HISTFILE: '/dev/null' })).toBeUndefined()
  expect(sessions('/dev/full', 'count').lines).toEqual([])
  // A link to a file that is not there yet.
  symlinkSync('later', join(home, 'link'))
  expect(sessions(join(home, 'link'), 'count').lines).toEqual(['count'])
  expect(readFileSync(join(home, 'later'), 'utf8')).toBe('count\n')
})

test("a history that is a symbolic link stays one when it is shortened, and the file stays its owner's", async () => {
  const home = tempDir()
  const file = join(home, HISTORY)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(join(home, 'dotfile'), Array.from({ length: 7000 }, (_, i) => `get old:${i}\n`).join(''))
  symlinkSync(join(home, 'dotfile'), file)
  using screen = await open({ home })
  await screen.leave()
  expect(lstatSync(file).isSymbolicLink()).toBe(true)
  expect(readFileSync(join(home, 'dotfile'), 'utf8').split('\n')).toHaveLength(5001)
  expect(readdirSync(dirname(file))).toEqual(['history'])
})

test('a last line without an end is not joined with the next, and lines that are not UTF-8 are not offered', () => {
  const file = join(tempDir(), 'history')
  writeFileSync(file, 'a\npartial')
  expect(sessions(file, 'get zz').lines).toEqual(['a', 'partial', 'get zz'])
  writeFileSync(file, Buffer.from('put caf\xe9 1\nput ok 1', 'latin1'))
  expect(sessions(file, 'get zz').lines).toEqual(['put ok 1', 'get zz'])
})

test('a lock from the future is stale, and what is no lock is left alone', () => {
  const file = join(tempDir(), 'history')
  const lock = `${file}.lock`
  writeFileSync(lock, '')
  utimesSync(lock, Date.now() / 1000 + 3600, Date.now() / 1000 + 3600)
  expect(sessions(file, 'one').lines).toEqual(['one'])
  expect(existsSync(lock)).toBe(false)
  writeFileSync(lock, 'not of kv')
  utimesSync(lock, 1, 1)
  expect(sessions(file, 'two').lines).toEqual(['one', 'two'])
  expect(readFileSync(lock, 'utf8')).toBe('not of kv')
})
