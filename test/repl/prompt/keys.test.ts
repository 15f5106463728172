import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KV } from '../screen.ts'
import { given, kv, open } from '../sessions.ts'

/** What the End key sends: xterm, in application mode, tmux and the Linux console, rxvt, and with Ctrl. */
const ENDS = ['\x1b[F', '\x1bOF', '\x1b[4~', '\x1b[8~', '\x1b[1;5F']
const HOMES = ['\x1b[H', '\x1bOH', '\x1b[1~', '\x1b[7~', '\x1b[1;5H']

test('Home and End go to the ends of the line, and End ends nothing', async () => {
  using screen = await open()
  for (const [i, end] of ENDS.entries()) {
    screen.type(`put k${i} va${HOMES[i]}\x1b[3~p${end}lue`)
    await screen.until(() => screen.cursor.line === `t.kv> put k${i} value`)
    screen.type('\r')
    await screen.until(`created k${i} (5 B)`)
  }
})

test('End within a value that is typed goes to the end of the line', async () => {
  const home = await given([['important', 'precious data']])
  using screen = await open({ home })
  screen.type('put important\r')
  await screen.until('Ctrl-D ends it')
  for (const end of ENDS) screen.type(`a${end}`)
  await screen.until('| aaaaa')
  expect(await kv(home, 'get', 'important')).toBe('precious data')
  screen.type('\r\x04')
  await screen.until('replaced important (5 B)')
})

test('End takes a suggestion, a line that was searched, and a choice of the menu', async () => {
  using screen = await open({
    home: await given([
      ['a:1', 'x'],
      ['b:1', 'y'],
    ]),
  })
  await screen.run('put ghost boo')
  screen.type('put gh')
  await screen.until(/> put ghost boo$/)
  screen.type('\x1b[4~')
  await screen.until(() => screen.cursor.column === 't.kv> put ghost boo'.length)
  screen.type('\x15\x12ghost\x1b[4~!')
  await screen.until(() => screen.cursor.line === 't.kv> put ghost boo!')
  screen.type('\x15get \t')
  await screen.until(/a:1\s+b:1/)
  screen.type('\t\x1b[F')
  await screen.until(() => screen.cursor.line === 't.kv> get a:1' && !/a:1\s+b:1/.test(screen.text))
  screen.type('\r')
  await screen.until(/^x$/m)
})

test('Down goes into the menu, Right across its columns', async () => {
  using screen = await open({
    columns: 40,
    home: await given(Array.from({ length: 12 }, (_, i) => [`key${String.fromCharCode(97 + i)}`, 'v'] as const)),
  })
  screen.type('get \t')
  await screen.until(/keya\s+key/)
  screen.type('\x1b[B')
  await screen.until(() => screen.cursor.line === 't.kv> get keya')
  screen.type('\x1b[C')
  await screen.until(() => /> get key[b-l]$/.test(screen.cursor.line))
  const beside = screen.lines.find((line) => line.startsWith('keya'))!.split(/\s+/)[1]!
  expect(screen.cursor.line).toBe(`t.kv> get ${beside}`)
  screen.type('\x1b[C\x1b[D\x1b[D')
  await screen.until(() => screen.cursor.line === 't.kv> get keya')
})

test('Ctrl-D behind a typed value says that it must come twice, and then ends it with that text', async () => {
  using screen = await open()
  screen.type('put k\r')
  await screen.until('Ctrl-D ends it')
  screen.type('hello\x04')
  await screen.until('Ctrl-D again ends the value with this line')
  screen.type('\x04')
  await screen.until('created k (5 B)')
})

test('a terminal that goes away while a value is typed stores nothing', async () => {
  const home = await given([['k', 'precious']])
  // Without SIGHUP the session learns of it by the end of its input.
  using screen = await open({ home, file: '/bin/sh' }, [
    '-c',
    `trap '' HUP; "${process.execPath}" "${KV}" --store t.kv; echo over > over`,
  ])
  screen.type('put k\r')
  await screen.until('Ctrl-D ends it')
  screen.type('one\rtwo')
  await screen.until('| two')
  screen.hangUp()
  await expect.poll(() => existsSync(join(home, 'over')), { timeout: 20_000 }).toBe(true)
  expect(await kv(home, 'get', 'k')).toBe('precious')
})

test('Ctrl-Z goes on by itself where no shell is there to wake the session', async () => {
  using screen = await open()
  screen.type('put a 1')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> put a 1'))
  screen.type('\x1a')
  await screen.until(() => screen.text.split('put a 1').length === 3)
  screen.type('2\r')
  await screen.until('created a (2 B)')
})

test('output without a last newline stays on the screen, whoever wrote it', async () => {
  using screen = await open()
  await screen.run("put secret 'the value'")
  await screen.run('get secret | cat')
  await screen.until(/^the value%$/m)
  await screen.run('!printf hello')
  expect(screen.text).toMatch(/^hello%$/m)
  const shown = screen.lines.length
  await screen.run('!echo whole')
  // What ends with a newline gets no mark and no empty line.
  expect(screen.lines.slice(shown)).toEqual(['whole', 't.kv>'])
})

test('a session whose stdout is no terminal ends each value with a newline, and shows it', async () => {
  const home = await given([
    ['a', 'one'],
    ['b', 'two'],
  ])
  using screen = await open({ home, file: '/bin/sh' }, [
    '-c',
    `"${process.execPath}" "${KV}" --store t.kv repl | tee log`,
  ])
  // tee writes when its turn comes: behind the prompt, or in the middle of the mark that a prompt begins with.
  screen.type('get a\r')
  await screen.until(/^(t\.kv> )?one%?$/m)
  screen.type('get b\r')
  await screen.until(/^(t\.kv> )?two%?$/m)
  screen.type('\x04')
  await screen.until(() => screen.exitCode !== undefined)
})
