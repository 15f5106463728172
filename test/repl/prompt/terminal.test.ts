import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../../helpers/temp-dir.ts'
import { KV, Screen } from '../screen.ts'
import { given, kv, open } from '../sessions.ts'

test('on a terminal of 40 columns long lines wrap and tables fit', async () => {
  using screen = await open({ columns: 40 })
  await screen.run(`put long '${'0123456789'.repeat(9)}'`)
  expect(screen.lines.slice(1, 4)).toEqual([
    `t.kv> put long '${'0123456789'.repeat(3).slice(0, 24)}`,
    '4567890123456789012345678901234567890123',
    "45678901234567890123456789'",
  ])
  await screen.run('range')
  expect(Math.max(...screen.lines.map((line) => line.length))).toBeLessThanOrEqual(40)
  screen.type('get ')
  screen.type(`${'x'.repeat(34)}\u0001\u0005y`)
  await screen.until('xy')
  expect(screen.cursor).toEqual({ line: 'xxxxy', column: 5 })
})

test('a resize while typing draws the line anew, once', async () => {
  using screen = await open({ columns: 80 })
  const line = `put k ${'abcdefghij'.repeat(6)}`
  screen.type(line)
  await screen.until(line)
  screen.resize(40, 30)
  await screen.until(
    () =>
      screen.lines.some((shown) => shown === `t.kv> ${line.slice(0, 34)}`) &&
      screen.cursor.column === (6 + line.length) % 40,
  )
  expect(screen.text.split('put k').length - 1).toBe(1)
  screen.resize(100, 30)
  await screen.until(`t.kv> ${line}`)
  expect(screen.text.split('put k').length - 1).toBe(1)
  await screen.run('')
})

test('after kill -9 every acknowledged write is there and the next session works on the same terminal', async () => {
  const home = tempDir()
  using screen = new Screen([], { home, file: '/bin/sh', env: { PS1: 'sh$ ' } })
  await screen.until('sh$')
  screen.type(`"${process.execPath}" "${KV}" --store t.kv\r`)
  await screen.until('t.kv>')
  screen.type('put a 1\r')
  await screen.until('created a (1 B)')
  const pid = execFileSync('pgrep', ['-P', String(screen.pid)], { encoding: 'utf8' }).trim()
  process.kill(Number(pid), 'SIGKILL')
  await screen.until(/Killed|sh\$ *$/)
  // The terminal is still raw: the shell gets no line end from Enter.
  screen.type(`"${process.execPath}" "${KV}" --store t.kv\n`)
  await screen.until(() => screen.cursor.line === 't.kv>' && screen.text.split('.help for help').length === 3)
  screen.type('get a\r')
  await screen.until(/\n1\n/)
})

test('Ctrl-X Ctrl-E opens the line in $EDITOR', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'ed'), '#!/bin/sh\nprintf "%s edited" "$(cat "$1")" > "$1"\n', { mode: 0o755 })
  using screen = await open({ home, env: { EDITOR: join(home, 'ed') } })
  screen.type('put k')
  await screen.until('put k')
  screen.type('\u0018\u0005')
  await screen.until('put k edited')
})

test('a kv in the pager and in the editor has the store and the options of the session', async () => {
  const home = tempDir()
  const seen = join(home, 'seen')
  const shown = 'printf "%s:%s:%s\\n" "${KV_STORE##*/}" "$KV_FORMAT"'
  using screen = await open({ home, rows: 6, env: { PAGER: `${shown} pager; :`, EDITOR: `${shown} editor > seen; :` } })
  await screen.run('.open other.kv')
  await screen.run('.mode csv')
  await screen.run('help')
  expect(screen.text).toContain('other.kv:csv:pager')
  screen.type('get k\x18\x05')
  await screen.until(() => existsSync(seen) && readFileSync(seen, 'utf8') === 'other.kv:csv:editor\n')
})

test('what is taller than the screen goes through $PAGER, and nothing else', async () => {
  const home = await given(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'v'] as const))
  using screen = await open({ home, env: { PAGER: 'tail -n 2 | sed s/^/paged:/' } })
  await screen.run('range --limit 3')
  expect(screen.text).not.toContain('paged:')
  await screen.run('range')
  expect(screen.text).toContain('paged:(50 rows)')
  expect(screen.text).not.toContain('k30')
})

test('Ctrl-Z suspends the session as a shell expects, and fg goes on with the line', async () => {
  const home = tempDir()
  using screen = new Screen(['-i'], { home, file: '/bin/sh', env: { PS1: 'sh$ ' } })
  await screen.until('sh$')
  screen.type(`"${process.execPath}" "${KV}" --store t.kv\r`)
  await screen.until(() => screen.cursor.line === 't.kv>')
  screen.type('put a 1')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> put a 1'))
  screen.type('\u001a')
  await screen.until(() => screen.cursor.line === 'sh$')
  screen.type('stty -a | grep -o "[-]*icanon" | sed s/^/mode:/\r')
  await screen.until(/^mode:icanon$/m)
  await screen.until(() => screen.cursor.line === 'sh$')
  screen.type('fg\r')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> put a 1'))
  screen.type('2\r')
  await screen.until('created a (2 B)')
  expect(await kv(home, 'get', 'a')).toBe('12')
})

test('!COMMAND runs a command of the shell on the terminal, and its exit code shows', async () => {
  using screen = await open()
  await screen.run('!echo out; read answer < /dev/null; exit 3')
  expect(screen.lines).toContain('out')
  expect(screen.cursor.line).toBe('t.kv [3]>')
  screen.type('!echo ready; read answer; echo "got $answer"\r')
  await screen.until(/^ready$/m)
  screen.type('typed\r')
  await screen.until('got typed')
  await screen.until(() => screen.cursor.line === 't.kv>')
})

test('on a terminal without abilities the session is plain lines', async () => {
  const home = await given([
    ['a', '1'],
    ['s:1', 'x'],
    ['s:2', 'y'],
  ])
  using screen = await open({ home, env: { TERM: 'dumb' } })
  await screen.run('get a')
  expect(screen.lines).toContain('1')
  await screen.run('range')
  expect(screen.text).toContain('(3 rows)')
  screen.type("put b 'x\r")
  await screen.until('...')
  await screen.run("y'")
  expect(await kv(home, 'get', 'b')).toBe('x\ny')
  await screen.run('del --prefix s:')
  expect(screen.text).toContain('hint: see them with --dry-run; to go on, add --yes')
  screen.type('.watch 20ms count\r')
  await screen.until(/^4\r?\n4$/m)
  screen.type('\u0003')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  expect(screen.raw).not.toContain('\u001b')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('only what is taller than the screen is shown in a pager: a table of just its height is not', async () => {
  using screen = await open({
    home: await given(Array.from({ length: 40 }, (_, i) => [`k${i}`, 'v'] as const)),
    rows: 20,
    env: { PAGER: 'sed s/^/paged:/' },
  })
  // The head, the rule below it, the rows and their number.
  await screen.run('range --limit 16')
  expect(screen.text).not.toContain('paged:')
  await screen.run('range --limit 17')
  expect(screen.text).toContain('paged:(17 rows)')
})

test('kv pick in a shell searches on the terminal, and prints the chosen entry where its output goes', async () => {
  const home = await given([
    ['user:1', 'Ada'],
    ['user:2', 'Grace'],
    ['x', 'y'],
  ])
  using screen = new Screen(['-c', `"${process.execPath}" "${KV}" --store t.kv pick user: > out`], {
    home,
    file: '/bin/sh',
  })
  await screen.until(/key user:[^]*user:1[^]*user:2/)
  expect(screen.text).not.toMatch(/^.? *x$/m)
  screen.type('2')
  await screen.until(/key user: 2\n.*user:2$(?![^]*user:1)/m)
  screen.type('\r')
  await screen.until(() => screen.exitCode === 0)
  expect(readFileSync(join(home, 'out'), 'utf8')).toBe('Grace')
})
