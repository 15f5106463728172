import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { COMMANDS } from '../../src/commands/index.ts'
import { lexLine } from '../../src/repl/language/lexer.ts'
import { SavedLines, savedText } from '../../src/repl/session/saved-lines.ts'
import { script } from './scripts.ts'
import { given, kv, open } from './sessions.ts'

test('what .save writes does the same again: typed values, answers, .open, .mode, and what was undone stays out', async () => {
  const home = await given([
    ['u:1', 'x'],
    ['u:2', 'y'],
  ])
  using screen = await open({ home })
  await screen.run('put a 1')
  screen.type('put typed --ttl 1h\r')
  await screen.until('Ctrl-D ends it')
  screen.type("-it's\rtwo lines\r")
  await screen.until('| two lines')
  screen.type('\u0004')
  await screen.until('created typed')
  screen.type('del --prefix u:\r')
  await screen.until('Delete these 2 keys?')
  screen.type('y\r')
  await screen.until('deleted 2 keys')
  await screen.run('put oops 1')
  await screen.run('.undo')
  await screen.run('.mode jsonl')
  screen.type('.watch 20ms get a\r')
  await screen.until(/("value":"1"\}\r?\n?.*){2}/)
  await screen.interrupt()
  await screen.run('.open other.kv')
  await screen.run('put b 2')
  await screen.run('.save again')
  expect(readFileSync(join(home, 'again'), 'utf8').split('\n')).toEqual([
    'put a 1',
    String.raw`put typed --ttl 1h -- $'-it\'s\ntwo lines'`,
    'del --yes --prefix u:',
    '# undone: put oops 1',
    '.mode jsonl',
    'get a',
    '.open other.kv',
    'put b 2',
    '',
  ])
  await screen.leave()
  const replay = await given([
    ['u:1', 'x'],
    ['u:2', 'y'],
  ])
  expect(await script(readFileSync(join(home, 'again')), { home: replay })).toMatchObject({ code: 0, stderr: '' })
  expect(await kv(replay, 'range', '--keys')).toBe('a\ntyped\n')
  expect(await kv(replay, 'get', 'typed')).toBe("-it's\ntwo lines")
  expect(await kv(replay, 'get', 'b', '--store', 'other.kv')).toBe('2')
})

test('an undone command that is done again by a second .undo is saved', async () => {
  const home = tempDir()
  await script('put a 1\nput a 2\n.undo\n.undo\n.save s', { home })
  expect(readFileSync(join(home, 's'), 'utf8')).toBe('put a 1\nput a 2\n')
})

test('help of a session is not saved', async () => {
  const home = tempDir()
  await script('put a 1\n.help undo\n.help put\n.help\n.save s', { home })
  expect(readFileSync(join(home, 's'), 'utf8')).toBe('put a 1\n')
})

test('.save writes whole or not at all, and leaves nothing beside', async () => {
  const home = tempDir()
  expect(await script('put a 1\n.save s\n.save s\n', { home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot write s: it is there already (KV_USAGE)'),
  })
  expect(await script('.save nowhere/s', { home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('cannot write nowhere/s: no such file or folder (KV_USAGE)'),
  })
  expect(await script('put a 1\n.save /dev/full', { home })).toMatchObject({ code: 2 })
  expect(readdirSync(home).filter((name) => !name.startsWith('t.kv'))).toEqual(['s'])
})

test.for<[line: string, typed: string | Uint8Array | undefined, asked: boolean, text: string]>([
  ['put k', 'v', false, 'put k v'],
  ['  kv put k # note', 'v w', false, "kv put k 'v w' # note"],
  ['put k - --ttl 5s', 'v', false, 'put k  --ttl 5s v'],
  ['put -- k', '-v', false, 'put -- k -v'],
  ['put k', '-v', false, 'put k -- -v'],
  ['put k', Uint8Array.of(0xff), false, 'put k --value-encoding hex ff'],
  ['put k', '', false, "put k ''"],
  ['put k 2>err', '~', false, "put k '~' 2>err"],
  ['--json del --all', undefined, true, '--json del --yes --all'],
  ['pick user:', undefined, true, '# needs a terminal: pick user:'],
  ["put 'a\nb' c", undefined, false, "put 'a\nb' c"],
])('%s with %s is saved so that it runs', ([line, typed, asked, text]) => {
  const answers = { typed: typeof typed === 'string' ? Buffer.from(typed) : typed, asked }
  expect(savedText(lexLine(line), answers, COMMANDS)).toBe(text)
})

test('saved lines have a bound, and say that some are gone', () => {
  const saved = new SavedLines()
  for (let i = 0; i < 25_000; i++) saved.add(i, `put k ${i}`)
  expect(saved.count).toBeLessThanOrEqual(10_000)
  expect(saved.script()).toMatch(/^# \d\d,\d{3} commands before these are not kept\nput k \d+\n[^]*put k 24999\n$/)
  for (let i = 0; i < 20; i++) saved.add(i, 'x'.repeat(3_000_000))
  expect(saved.script().length).toBeLessThan(17_000_000)
})
