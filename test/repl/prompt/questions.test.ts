import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KV, Screen } from '../screen.ts'
import { given, kv, open } from '../sessions.ts'

const USERS = [
  ['user:1', 'Ada'],
  ['user:2', 'Grace'],
] as const

/** The two questions that kv asks, and what a no to each says. */
const QUESTIONS = [
  {
    command: 'del --prefix user:',
    shown: 'Delete these 2 keys?',
    declined: 'kv: nothing was deleted (KV_DECLINED)',
    interrupted: 'kv: interrupted, nothing was done (KV_INTERRUPTED)',
  },
  {
    command: 'pick user:',
    shown: '> user:1',
    declined: 'kv: nothing was chosen (KV_DECLINED)',
    interrupted: 'kv: interrupted, nothing was chosen (KV_INTERRUPTED)',
  },
] as const

test.for(QUESTIONS)(
  'no key leaves a session dead at the question of $command',
  async ({ command, shown, declined, interrupted }) => {
    const home = await given(USERS)
    using screen = await open({ home })
    for (const [key, answer, code] of [
      ['\x04', declined, 1],
      ['\x03', interrupted, 130],
    ] as const) {
      screen.type(`${command}\r`)
      await screen.until(shown)
      screen.type(key)
      await screen.until(answer)
      await screen.until(() => screen.cursor.line === `t.kv [${code}]>`)
      screen.type('\x0c')
      await screen.until(() => !screen.lines.at(-1)!.includes(answer))
    }
    // Ctrl-Z, without a shell that waits, and what names no key of the question.
    screen.type(`${command}\r`)
    await screen.until(shown)
    const drawn = screen.raw.split('\x1b[?2004h').length
    screen.type('\x1b[4~\x1b[1~\x1b[5~\x1b[2~\x1c\x1a')
    await screen.until(() => screen.raw.split('\x1b[?2004h').length > drawn)
    screen.type('\x03')
    await screen.until(() => screen.cursor.line === 't.kv [130]>')
    await screen.run('count')
    expect(screen.lines.slice(-2)).toEqual(['2', 't.kv>'])
  },
)

test.for([
  ['pick user: > out', '> user:1', '\r', /^t\.kv>$/m, 'Ada'],
  ['pick user: | tr A-Z a-z > out', '> user:1', '\x1b[B\r', /^t\.kv>$/m, 'grace'],
  ['del --prefix user: > out', 'Delete these 2 keys?', 'y\r', /^t\.kv>$/m, '2\n'],
  ['put k > out', 'Ctrl-D ends it', 'v\r\x04', 'created k (1 B)', ''],
] as const)('%s has the keyboard before its program', async ([command, shown, keys, done, out]) => {
  const home = await given(USERS)
  using screen = await open({ home })
  screen.type(`${command}\r`)
  await screen.until(shown)
  screen.type(keys)
  await screen.until(done)
  await screen.run('count')
  expect(readFileSync(join(home, 'out'), 'utf8')).toBe(out)
})

test.for(QUESTIONS)('the question of $command goes on after Ctrl-Z and fg', async ({ command, shown }) => {
  const home = await given(USERS)
  using screen = new Screen(['-i'], { home, file: '/bin/sh', env: { PS1: 'sh$ ' } })
  await screen.until('sh$')
  screen.type(`"${process.execPath}" "${KV}" --store t.kv ${command}\r`)
  await screen.until(shown)
  screen.type('\x1a')
  await screen.until(() => screen.cursor.line === 'sh$')
  screen.type('fg\r')
  await screen.until(() => screen.text.slice(screen.text.indexOf('fg')).includes(shown))
  screen.type(command.startsWith('pick') ? '\x1b[B\r' : 'y\r')
  await screen.until(command.startsWith('pick') ? /^Grace$/m : 'deleted 2 keys')
  expect(await kv(home, 'count')).toBe(command.startsWith('pick') ? '2\n' : '0\n')
})

test('what is typed behind an answer goes to the next command', async () => {
  using screen = await open({ home: await given(USERS) })
  screen.type('del --prefix user:\ry\rput a 1\r')
  await screen.until('deleted 2 keys')
  await screen.until('created a (1 B)')
})

test('only a yes is a yes', async () => {
  const home = await given(USERS)
  using screen = await open({ home })
  screen.type('del --prefix user:\rmaybe\r')
  await screen.until('Please answer y or n:')
  screen.type('nO\r')
  await screen.until('nothing was deleted (KV_DECLINED)')
  screen.type('del --prefix user:\r\r')
  await screen.until(() => screen.text.split('nothing was deleted').length === 3)
  expect(await kv(home, 'count')).toBe('2\n')
  screen.type('del --prefix user:\r YES \r')
  await screen.until('deleted 2 keys')
})

test('pick searches anew at each key, and Enter waits for what it found', async () => {
  using screen = await open({
    home: await given([
      ...USERS,
      ...Array.from({ length: 40 }, (_, i) => [`k${String(i).padStart(2, '0')}`, `value ${i}`] as const),
    ]),
  })
  screen.type('pick\rk2\r')
  await screen.until(/^value 20$/m)
  screen.type('pick\r')
  await screen.until('> k00')
  screen.type('\x1b[6~')
  await screen.until('> k10')
  screen.type('\x1b[A')
  await screen.until('> k09')
  screen.type('zzz')
  await screen.until('no key begins so')
  screen.type('\r\x15user')
  await screen.until('> user:1')
  screen.type('\x1b')
  await screen.until('kv: nothing was chosen (KV_DECLINED)')
})

test('a terminal that can only show lines is asked in lines', async () => {
  const home = await given(USERS)
  using screen = new Screen(['--store', 't.kv', 'del', '--prefix', 'user:'], { home, env: { TERM: 'dumb' } })
  await screen.until('Delete these 2 keys? (y/N)')
  screen.type('y\r')
  await screen.until('deleted 2 keys')
  expect(screen.raw).not.toContain('\x1b')
  using refused = new Screen(['--store', 't.kv', 'pick'], { home, env: { TERM: 'dumb' } })
  await refused.until('kv: pick needs a terminal to ask on (KV_USAGE)')
})
