import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { given, kv, open } from './sessions.ts'

test('kv alone on a terminal opens a session, whose commands are those of the shell', async () => {
  using screen = await open()
  await screen.run('put user:1 Ada')
  await screen.run('kv get user:1')
  expect(screen.text).toContain('created user:1 (3 B)')
  expect(screen.lines).toContain('Ada')
  await screen.run('range --prefix user:')
  expect(screen.text).toContain('(1 row)')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('the prompt shows the store and the last exit code when it is not 0', async () => {
  using screen = await open()
  expect(screen.cursor.line).toBe('t.kv>')
  await screen.run('get nope')
  expect(screen.text).toContain('kv: key not found: nope (KV_NOT_FOUND)')
  expect(screen.cursor.line).toBe('t.kv [1]>')
  await screen.run('get --nope')
  expect(screen.cursor.line).toBe('t.kv [2]>')
  await screen.run('count')
  expect(screen.cursor.line).toBe('t.kv>')
})

test('an unfinished quote goes on in the next line', async () => {
  using screen = await open()
  screen.type("put k 'one\r")
  await screen.until('…')
  await screen.run("two'")
  await screen.run('get k')
  expect(screen.text).toContain('\none\ntwo\n')
})

test('Ctrl-C clears the line, Ctrl-D on an empty line leaves', async () => {
  using screen = await open()
  screen.type('put a b')
  await screen.until('put a b')
  screen.type('\u0003')
  await screen.until(() => screen.prompts === 2)
  expect(screen.cursor.line).toBe('t.kv>')
  await screen.run('count')
  expect(screen.lines).toContain('0')
  await screen.leave()
})

test('the arguments still missing are hinted, and shrink', async () => {
  using screen = await open()
  screen.type('put ')
  await screen.until('> put <KEY> [VALUE] [options]')
  screen.type('k ')
  await screen.until('> put k [VALUE]')
  screen.type('--ttl ')
  await screen.until('--ttl <time>')
})

test('Tab completes commands, options, values of options and files', async () => {
  const home = tempDir()
  mkdirSync(join(home, 'rows'))
  writeFileSync(join(home, 'rows', 'my file.jsonl'), '')
  using screen = await open({ home })
  screen.type('bat\t')
  await screen.until('> batch-put')
  screen.type('ro\t')
  await screen.until('> batch-put rows/')
  screen.type('\t')
  await screen.until("> batch-put 'rows/my file.jsonl'")
  screen.type('\u0015range --rev\t')
  await screen.until('> range --reverse')
  screen.type('--format cs\t')
  await screen.until('--format csv')
  screen.type('\u0015.mo\t')
  await screen.until('> .mode')
})

test('Tab completes stored keys to the next separator, with how many lie below', async () => {
  const keys = [
    'a key',
    'order:7',
    ...Array.from({ length: 1234 }, (_, i) => `user:${i}:name`),
    'user:12:mail',
    'user.x',
  ]
  using screen = await open({ home: await given(keys.map((key) => [key, 'v'])) })
  screen.type('get \t')
  await screen.until('(1,235)')
  expect(screen.text).toContain('a key')
  screen.type('us\t')
  await screen.until(/user\.x\s+user:\s+\(1,235\)/)
  screen.type(':12\t')
  await screen.until(/user:120:name[^]*user:12:\s+\(2\)/)
  screen.type('\u0015get or\t')
  await screen.until('> get order:7')
  screen.type('\u0015get a\t')
  await screen.until("> get 'a key'")
  screen.type('\r')
  await screen.until('\nv\n')
})

test('Tab goes through the candidates, Enter takes one without running, Escape takes it back', async () => {
  using screen = await open()
  await screen.run('put a:1 x')
  await screen.run('put b:1 y')
  screen.type('get \t')
  await screen.until(/a:1\s+b:1/)
  screen.type('\t\t')
  await screen.until('> get b:1')
  screen.type('\u001b')
  await screen.until(() => /> get <KEY/.test(screen.cursor.line))
  screen.type('\t\t\r')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> get a:1'))
  await screen.run('')
  expect(screen.lines).toContain('x')
})

test('del --prefix says how many keys it would delete, before Enter', async () => {
  using screen = await open()
  for (let i = 0; i < 3; i++) await screen.run(`put s:${i} v`)
  screen.type('del --prefix s:')
  await screen.until('would delete 3 keys')
})

test('a delete of many asks, and no means no', async () => {
  using screen = await open()
  await screen.run('put s:1 v')
  await screen.run('put s:2 v')
  screen.type('del --prefix s:\r')
  await screen.until('Delete these 2 keys?')
  screen.type('n\r')
  await screen.until('nothing was deleted (KV_DECLINED)')
  await screen.until(() => screen.cursor.line === 't.kv [1]>')
  screen.type('del --prefix s:\r')
  await screen.until(() => screen.text.split('Delete these 2 keys?').length === 3)
  screen.type('y\r')
  await screen.until('deleted 2 keys')
})

test('.undo puts back what the last command changed, and refuses when another wrote since', async () => {
  const home = tempDir()
  using screen = await open({ home })
  await screen.run('put a 1')
  await screen.run('put b 2 --ttl 1h')
  await screen.run('del --prefix "" --all --yes')
  await screen.run('.undo')
  expect(screen.text).toContain('undone: del --prefix "" --all --yes (2 keys)')
  expect(await kv(home, 'range')).toMatch(/^\{"key":"a","value":"1"\}\n\{"key":"b","value":"2","expires":"/)
  await screen.run('put a 9')
  await kv(home, 'put', 'a', 'other')
  await screen.run('.undo')
  expect(screen.text).toContain('not undone: a was written again since')
  screen.type("put b 'two\rlines'\r")
  await screen.until(/replaced b \(9 B\)\nt\.kv>/)
  await screen.run('.undo')
  expect(screen.text).toContain("undone: put b 'two\\nlines' (1 key)")
  expect(await kv(home, 'get', 'a')).toBe('other')
})

test('output goes through a program or into a file with | and >', async () => {
  const home = tempDir()
  using screen = await open({ home })
  await screen.run('put a 1')
  await screen.run('range --json | tr a-z A-Z')
  expect(screen.text).toContain('{"KEY":"A","VALUE":"1"}')
  await screen.run('range > out.jsonl')
  expect(readFileSync(join(home, 'out.jsonl'), 'utf8')).toBe('{"key":"a","value":"1"}\n')
  await screen.run('count | exit 3')
  expect(screen.cursor.line).toBe('t.kv [3]>')
})

test('a value full of escape sequences never reaches the terminal raw', async () => {
  const evil = '\u001b]0;pwned\u0007\u001b[2J\u009b31m\u0085\u202eabc'
  using screen = await open({ home: await given([[`k:${evil}`, evil]]) })
  const start = screen.raw.length
  await screen.run('range')
  await screen.run('range --json')
  screen.type('get k\t')
  await screen.until(() => screen.text.includes("get $'k:\\x1b]0;"))
  await screen.until(() => /^= \\x1b\]0;pwned/m.test(screen.text))
  screen.type('\r')
  await screen.until(() => screen.prompts === 4 && screen.cursor.line === 't.kv>')
  const sent = screen.raw.slice(start)
  for (const part of ['\u001b]0', '\u0007', '\u001b[2J', '\u009b', '\u0085', '\u202e']) expect(sent).not.toContain(part)
})

test('a pasted script of 200 lines is collected, and runs as a whole at Enter', async () => {
  const home = tempDir()
  using screen = await open({ home })
  screen.paste(
    `${Array.from({ length: 200 }, (_, i) => `put paste:${String(i).padStart(3, '0')} 'value ${i}'`).join('\n')}\n`,
  )
  await screen.until("put paste:199 'value 199'")
  expect(await kv(home, 'count')).toBe('0\n')
  screen.type('\r')
  await screen.until(() => screen.cursor.line === 't.kv>')
  expect(await kv(home, 'count')).toBe('200\n')
  expect(await kv(home, 'get', 'paste:123')).toBe('value 123')
})

test('a pasted script stops at its first failure and says in which line', async () => {
  const home = tempDir()
  using screen = await open({ home })
  screen.paste('put a 1\nget nope\nput b 2')
  await screen.until('put b 2')
  screen.type('\r')
  await screen.until('kv: stopped at line:2 (exit 1)')
  expect(await kv(home, 'count')).toBe('1\n')
})

test('each command sees what other processes committed before it', async () => {
  const home = tempDir()
  using screen = await open({ home })
  await screen.run('put a 1')
  await kv(home, 'put', 'a', 'from elsewhere')
  await screen.run('get a')
  expect(screen.lines).toContain('from elsewhere')
})

test('a value is typed as lines where put has none', async () => {
  using screen = await open()
  screen.type('put k\r')
  await screen.until('Ctrl-D ends it')
  screen.type('one\rtwo\r')
  await screen.until('| two')
  screen.type('\u0004')
  await screen.until('created k (7 B)')
})

test('.open, .mode, .timer, .save and .read', async () => {
  const home = tempDir()
  using screen = await open({ home })
  await screen.run('put a 1')
  await screen.run('.mode jsonl')
  await screen.run('range')
  expect(screen.lines).toContain('{"key":"a","value":"1"}')
  await screen.run('.timer on')
  await screen.run('count')
  expect(screen.text).toMatch(/\(\d+\.\d ms\)/)
  await screen.run('get nope')
  await screen.run('.save good.kv')
  expect(readFileSync(join(home, 'good.kv'), 'utf8')).toBe('put a 1\n.mode jsonl\nrange\ncount\n')
  await screen.run('.open other.kv')
  expect(screen.cursor.line).toBe('other.kv>')
  await screen.run('.read good.kv')
  expect(await kv(home, 'get', 'a', '--store', 'other.kv')).toBe('1')
  screen.type('.exit\r')
  await screen.until(() => screen.exitCode !== undefined)
  expect(screen.exitCode).toBe(0)
})

test('.help lists the commands of the session, and explains each of these, a command of the shell, or a topic', async () => {
  using screen = await open({ columns: 80, rows: 60 })
  await screen.run('.help')
  expect(screen.text).toMatch(/\n {2}\.undo +put back what the last writing command changed\n/)
  await screen.run('.help undo')
  expect(screen.text).toMatch(
    /Usage: \.undo\n\nPut back[^]*10,000 keys and 32 MB[^]*another process writes the same key/,
  )
  await screen.run('.help count')
  expect(screen.text).toContain('Usage: kv count [options] [START] [END]')
  await screen.run('.help exit-codes')
  expect(screen.text).toContain('130  interrupted')
  await screen.run('.help nothing')
  expect(screen.text).toContain('no help on nothing (KV_USAGE)')
})

test('.read stops at the first failure of the file and says where; .save does not replace a file', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'script'), 'put a 1\nget nope\nput b 2\n')
  using screen = await open({ home })
  await screen.run('.read script')
  expect(screen.text).toContain('kv: stopped at script:2 (exit 1)')
  expect(screen.cursor.line).toBe('t.kv [1]>')
  await screen.run('.save script')
  expect(screen.text).toContain('cannot write script: it is there already (KV_USAGE)')
  await screen.run('.read nowhere')
  expect(screen.text).toContain('cannot read nowhere: no such file or folder (KV_USAGE)')
  expect(await kv(home, 'count')).toBe('1\n')
})

test('a slow command tells its time, also without .timer', async () => {
  using screen = await open()
  screen.type('.watch 300ms count\r')
  await screen.until(/^0\n0\n0$/m)
  screen.type('\u0003')
  await screen.until(/^\((\d+ ms|\d\.\d\d s)\)$/m)
})

test('.snapshot keeps a copy of the store, .diff tells what has changed since, by whomever, with the values', async () => {
  const home = tempDir()
  const temp = join(home, 'tmp')
  mkdirSync(temp)
  using screen = await open({ home, env: { TMPDIR: temp } })
  await screen.run('put a 1')
  await screen.run('put b 1')
  await screen.run(`put long '${'x'.repeat(200)}'`)
  await screen.run('put same 1')
  await screen.run('put until 1')
  await screen.run('.diff')
  expect(screen.text).toContain('no snapshot to compare with (KV_USAGE)')
  await screen.run('.snapshot')
  expect(screen.text).toContain('copied 5 keys')
  expect(readdirSync(temp).map((name) => statSync(join(temp, name)).mode & 0o077)).toEqual([0])
  await screen.run('put a 2')
  await screen.run('put same 1')
  await screen.run('put until 1 --ttl 1h')
  await kv(home, 'del', 'b')
  await kv(home, 'put', 'c', '3')
  await kv(home, 'put', 'long', `${'x'.repeat(150)}!${'x'.repeat(49)}`)
  await screen.run('.diff')
  expect(screen.text).toMatch(
    /\n~ a {2}1 → 2\n- b {2}1\n\+ c {2}3\n~ long {2}…x+… → …x{12}!x+…\n~ until {2}expires never → 2\S+Z\n1 new, 3 changed, 1 gone\n/,
  )
  await screen.run('.diff c > diff.txt')
  expect(readFileSync(join(home, 'diff.txt'), 'utf8')).toBe('+ c  3\n')
  await screen.leave()
  expect(readdirSync(temp)).toEqual([])
})

test('a snapshot holds nothing back: the log is recycled while it is kept', async () => {
  const home = tempDir()
  using screen = await open({ home })
  await screen.run('put a 1')
  await screen.run('.snapshot')
  const value = join(home, 'value')
  writeFileSync(value, 'v'.repeat(2_000_000))
  for (let i = 0; i < 20; i++) await kv(home, 'put', 'a', '--file', value)
  // Ten times less than what was written: a view held open would keep it all.
  expect(statSync(join(home, 't.kv-wal')).size).toBeLessThan(10_000_000)
  await screen.run('.diff')
  expect(screen.text).toMatch(/~ a {2}1 → v+…/)
})

test('.watch runs a command again and again until Ctrl-C', async () => {
  const home = tempDir()
  using screen = await open({ home })
  screen.type('.watch 50ms count\r')
  await screen.until(/^0\n0$/m)
  await kv(home, 'put', 'a', '1')
  await screen.until(/^1$/m)
  screen.type('\u0003')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
})

test('pick searches keys while typing, and prints the entry chosen', async () => {
  using screen = await open()
  await screen.run('put user:1 Ada')
  await screen.run('put user:2 Grace')
  screen.type('pick user:\r')
  await screen.until(/key user:[^]*user:1[^]*user:2/)
  screen.type('2')
  await screen.until(/key user: 2\n.*user:2$(?![^]*user:1)/m)
  screen.type('\r')
  await screen.until(/^Grace$/m)
  await screen.run('count')
})

test('peek tells what a value is, with its head and tail', async () => {
  using screen = await open()
  await screen.run(`put j '{"a":1}'`)
  await screen.run('peek j')
  expect(screen.text).toMatch(/^json object, 7 B, revision 1\n\{"a":1\}$/m)
})

test('.mode pretty and --format pretty show JSON indented and coloured, with every number as stored', async () => {
  using screen = await open({ rows: 60 })
  await screen.run(`put j '{"n":12345678901234567890,"e":"\\u001b[2J"}'`)
  await screen.run('put t text')
  const shown = '{\n  "n": 12345678901234567890,\n  "e": "\\u001b[2J"\n}'
  await screen.run('get j --format pretty')
  expect(screen.text).toContain(shown)
  expect(screen.raw).toContain('\u001b[33m12345678901234567890\u001b[39m')
  await screen.run('.mode pretty')
  await screen.run('range')
  expect(screen.text).toContain(`j\n${shown}\n\nt\ntext\n`)
  await screen.run('peek j')
  expect(screen.text).toMatch(/json object, \d+ B, revision 1\n\{\n {2}"n": 12345678901234567890/)
})
