import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LineBuffer } from '../../../src/terminal/line-buffer.ts'
import { withoutPrompts } from '../../../src/repl/language/transcript.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { KV } from '../screen.ts'
import { given, kv, open } from '../sessions.ts'

test('what is typed or pasted and is not UTF-8 is refused with its place, and the line stays', async () => {
  const home = tempDir()
  using screen = await open({ home })
  screen.typeBytes(Buffer.from('put caf\xe9 1\r', 'latin1'))
  await screen.until('kv: invalid UTF-8 at column 8 (KV_USAGE)')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> put caf\\xe9 1'))
  screen.type('\x7f\x7f\x7fé ok\r')
  await screen.until('created café (2 B)')
  await screen.until(() => screen.cursor.line === 't.kv>')
  screen.typeBytes(Buffer.from("\x1b[200~put p 'a\rb\xff'\x1b[201~\r", 'latin1'))
  await screen.until('kv: line:2: invalid UTF-8 at column 2 (KV_USAGE)')
  screen.type('\x03put v\r')
  await screen.until('Ctrl-D ends it')
  screen.typeBytes(Buffer.from('\xe9t\xe9\r', 'latin1'))
  await screen.until(/kv: invalid UTF-8 at column 1 [^]*\| \\xe9t\\xe9/)
  screen.type('\x15été\r\x04')
  await screen.until('created v (5 B)')
  expect(await kv(home, 'range', '--keys')).toBe('café\nv\n')
})

test('an editor that writes bytes that are not UTF-8, removes its file or cannot be given one leaves the line as it is', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'latin'), '#!/bin/sh\nprintf \'put k caf\\351\' > "$1"\n', { mode: 0o755 })
  using latin = await open({ home, env: { EDITOR: join(home, 'latin') } })
  latin.type('put k 1\x18\x05')
  await latin.until('kv: text:1: invalid UTF-8 at column 10 (KV_USAGE)')
  await latin.until(() => latin.cursor.line.startsWith('t.kv> put k 1'))
  using remover = await open({ home, env: { EDITOR: 'rm' } })
  remover.type('put k 2\x18\x05')
  await remover.until('kv: cannot read the line back from the editor: no such file or folder (KV_UNAVAILABLE)')
  await remover.until(() => remover.cursor.line.startsWith('t.kv> put k 2'))
  using nowhere = await open({ home, env: { TMPDIR: '/nonexistent' } })
  nowhere.type('put k 3\x18\x05')
  await nowhere.until('kv: cannot hand the line to an editor: no such file or folder (KV_UNAVAILABLE)')
  await nowhere.until(() => nowhere.cursor.line.startsWith('t.kv> put k 3'))
  nowhere.type('\r')
  await nowhere.until('created k (1 B)')
})

test('words are found backwards at once, however long the line', () => {
  const buffer = new LineBuffer()
  const long = 'x'.repeat(1_000_000)
  buffer.set(`put k ${long} --ttl 𝒳5`)
  buffer.killWordBack()
  expect(buffer.text).toBe(`put k ${long} --ttl `)
  buffer.wordLeft()
  expect(buffer.cursor).toBe(`put k ${long} --`.length)
  buffer.wordLeft()
  expect(buffer.cursor).toBe('put k '.length)
  buffer.set(`put k ${' '.repeat(100_000)}`)
  buffer.killWordBack()
  expect(buffer.text).toBe('put ')
  buffer.set('get name.of-a 𝒳𝒴')
  buffer.killNameBack()
  buffer.killNameBack()
  expect(buffer.text).toBe('get name.of-')
})

test('a search of the history in vain shows the line that is being typed, and Enter runs nothing', async () => {
  using screen = await open()
  await screen.run('count')
  screen.type('put a 1\x12zzz')
  await screen.until("not found 'zzz': put a 1")
  screen.type('\r')
  await screen.until(() => screen.cursor.line.startsWith('t.kv> put a 1'))
  screen.type('\r')
  await screen.until('created a (1 B)')
})

test('an old line that was edited is kept while others are looked at, and suggestions go on', async () => {
  using screen = await open()
  await screen.run('put ghost:1 boo')
  await screen.run('get a')
  await screen.run('get b')
  screen.type('\x1b[A\x1b[A')
  await screen.until(() => screen.cursor.line.startsWith('t.kv [1]> get a'))
  screen.type('xyz\x1b[A')
  await screen.until(() => screen.cursor.line === 't.kv [1]> put ghost:1 boo')
  screen.type('\x1b[B')
  await screen.until(() => screen.cursor.line.startsWith('t.kv [1]> get axyz'))
  screen.type('\x15put gh')
  await screen.until(/> put ghost:1 boo$/)
})

test('Tab within an open quote completes that word', async () => {
  const home = await given([
    ['user 1', 'a'],
    ['user 2', 'b'],
    ['new\nline', 'c'],
    ['other', 'd'],
  ])
  mkdirSync(join(home, 'sub dir'))
  writeFileSync(join(home, 'sub dir', 'x.kvs'), '')
  using screen = await open({ home })
  for (const [typed, completed] of [
    ['get "us', "get 'user "],
    ["get 'us", "get 'user "],
    ["get $'new", String.raw`get $'new\nline'`],
    ["get 'user 1", "get 'user 1'"],
    ['.read su', ".read 'sub dir/"],
    [".read 'sub dir/", ".read 'sub dir/x.kvs'"],
  ] as const) {
    screen.type(`${typed}\t`)
    await screen.until(
      () =>
        screen.cursor.line.startsWith(`t.kv> ${completed}`.trimEnd()) &&
        screen.cursor.column >= `t.kv> ${completed}`.length,
    )
    screen.type('\x15')
    await screen.until(() => screen.cursor.column === 't.kv> '.length)
  }
  screen.type('get us\t1\t\r')
  await screen.until(/^a$/m)
})

test('the cursor stands right behind what the terminal drew, however wide it takes that to be', async () => {
  using screen = await open()
  // The emulator takes these for one column, string-width for two; the soft hyphen the other way round.
  screen.type('put k ⚠️1️⃣👍🏽\u00adx')
  await screen.until(() => screen.cursor.line.includes('x'))
  await screen.until(() => screen.charBeforeCursor === 'x')
  screen.type('\x1b[D\x1b[D')
  await screen.until(() => screen.charBeforeCursor !== 'x')
  screen.type('y')
  await screen.until(() => screen.charBeforeCursor === 'y')
})

test('a pasted transcript loses its prompts and what was printed', () => {
  const prompt = 't.kv [1]> '
  const paste = (text: string): string => withoutPrompts(text, prompt, '  … ')
  expect(paste('t.kv> get p3')).toBe('get p3')
  expect(paste("t.kv> put a 'x\n  … y'\ncreated a (3 B)\nt.kv [2]> get a\nx\ny\nt.kv>")).toBe("put a 'x\ny'\nget a")
  for (const text of ['put a 1\nt.kv> get a', 't.kv>> x', 'u.kv> get a', 't.kvs> get a', 'a > b', ''])
    expect(paste(text)).toBe(text)
})

test('a pager that is not there is done without, and one that is has Ctrl-C for itself', async () => {
  const home = await given(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'v'] as const))
  using without = await open({ home, env: { PAGER: 'nosuchpager -R' } })
  await without.run('range')
  expect(without.text).toContain('(50 rows)')
  expect(without.text).not.toContain('not found')
  writeFileSync(
    join(home, 'pager'),
    '#!/bin/sh\ntrap "echo heard" INT\ncat > got\necho paging\nuntil read line < /dev/tty; do :; done\necho "end $line"\n',
    { mode: 0o755 },
  )
  using screen = await open({ home, env: { PAGER: './pager' } })
  screen.type('range\r')
  await screen.until(/^paging$/m)
  screen.type('\x03')
  await screen.until('^Cheard')
  screen.type('q\r')
  await screen.until(() => screen.cursor.line === 't.kv>')
  expect(screen.text).not.toContain('interrupted')
  expect(readFileSync(join(home, 'got'), 'utf8')).toContain('(50 rows)')
})

test('a session whose stderr is a file is drawn on stdout', async () => {
  const home = tempDir()
  using screen = await open({ home, file: '/bin/sh' }, [
    '-c',
    `"${process.execPath}" "${KV}" --store t.kv repl 2> err.log`,
  ])
  await screen.run('get nope')
  expect(screen.cursor.line).toBe('t.kv [1]>')
  await screen.leave()
  expect(readFileSync(join(home, 'err.log'), 'utf8')).toBe('kv: key not found: nope (KV_NOT_FOUND)\n')
})

test.for(['unset TERM', 'TERM=', 'TERM=emacs', 'TERM=cons25'])(
  'with %s a session sends no control sequence',
  async (setting) => {
    using screen = await open({ file: '/bin/sh' }, [
      '-c',
      `${setting}; exec "${process.execPath}" "${KV}" --store t.kv`,
    ])
    await screen.run('put a 1')
    await screen.run('get a')
    expect(screen.lines).toContain('1')
    expect(screen.raw).not.toContain('\x1b')
  },
)

test('nothing is left behind in the folder for temporary files', async () => {
  const home = tempDir()
  const temp = join(home, 'tmp')
  mkdirSync(temp)
  using screen = await open({ home, env: { TMPDIR: temp, EDITOR: 'true' } })
  screen.type('put k\x18\x05')
  await screen.until(
    () =>
      screen.cursor.line.startsWith('t.kv> put k <') ||
      screen.cursor.line.startsWith('t.kv> put k [') ||
      screen.cursor.line === 't.kv> put k',
  )
  screen.type('\x03')
  await screen.leave()
  expect(readdirSync(temp)).toEqual([])
})

test('on a terminal that can only show lines too, bytes that are not UTF-8 are refused, and values end their line in a log', async () => {
  const home = await given([
    ['a', 'one'],
    ['b', 'two'],
  ])
  using screen = await open({ home, file: '/bin/sh' }, [
    '-c',
    `TERM=dumb "${process.execPath}" "${KV}" --store t.kv repl > log`,
  ])
  screen.typeBytes(Buffer.from('put caf\xe9 1\n', 'latin1'))
  await screen.until('kv: invalid UTF-8 at column 8 (KV_USAGE)')
  await screen.run('get a')
  await screen.run('get b')
  await screen.run('put é 1')
  await screen.leave()
  expect(readFileSync(join(home, 'log'), 'utf8')).toBe('one\ntwo\n')
  expect(await kv(home, 'range', '--keys')).toBe('a\nb\né\n')
})

test('.watch shows each round as it comes, without a pager', async () => {
  using screen = await open({
    rows: 10,
    home: await given(Array.from({ length: 20 }, (_, i) => [`k${i}`, 'v'] as const)),
    env: { PAGER: 'sed s/^/paged:/' },
  })
  screen.type('.watch 10ms range\r')
  await screen.until(/\(20 rows\)[^]*\(20 rows\)/)
  screen.type('\x03')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  expect(screen.text).not.toContain('paged:')
  screen.type('range\r')
  await screen.until('paged:(20 rows)')
})
