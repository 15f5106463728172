import { execFileSync, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { KV } from './screen.ts'
import { given, kv, open } from './sessions.ts'

function folderWithPipe(): string {
  const home = tempDir()
  execFileSync('mkfifo', [join(home, 'pipe')])
  return home
}

const READERS = ['put k < pipe', 'put k --file pipe', '.read pipe', 'batch-put < pipe', 'batch-put pipe'] as const

test.for(READERS)('%s waits for a writer, and Ctrl-C ends that', async (line) => {
  using screen = await open({ home: folderWithPipe() })
  screen.type(`${line}\r`)
  await screen.until(() => screen.raw.includes(line) && screen.raw.endsWith('\r\n'))
  await screen.interrupt()
  await screen.run('count')
  expect(screen.lines).toContain('0')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test.for([
  ['put k < pipe', 'v'],
  ['put k --file pipe', 'v'],
  ['.read pipe', 'put k v\n'],
  ['batch-put < pipe', '["k","v"]\n'],
  ['batch-put pipe', '["k","v"]\n'],
] as const)('%s reads what comes, in pieces', async ([line, input]) => {
  const home = folderWithPipe()
  using screen = await open({ home })
  screen.type(`${line}\r`)
  // On the screen too, which is a moment behind: the prompt before would be taken for the next.
  await screen.until(() => screen.raw.includes(line) && screen.raw.endsWith('\r\n') && screen.cursor.line === '')
  const pipe = createWriteStream(join(home, 'pipe'))
  for (const char of input) await new Promise((resolve) => pipe.write(char, resolve))
  pipe.end()
  await screen.until(() => screen.cursor.line === 't.kv>')
  expect(await kv(home, 'get', 'k')).toBe('v')
})

test('the terminal itself is what the user types, where one value is read, and refused where more is', async () => {
  using screen = await open()
  for (const [i, line] of ['put k0 < /dev/tty', 'put k1 --file /dev/stdin', 'put k2 < /proc/self/fd/0'].entries()) {
    screen.type(`${line}\r`)
    await screen.until(() => screen.text.split('Ctrl-D ends it').length === i + 2)
    screen.type(`value ${i}\r\x04`)
    await screen.until(`created k${i} (7 B)`)
    await screen.until(() => screen.cursor.line === 't.kv>')
  }
  await screen.run('.read /dev/stdin')
  expect(screen.text).toContain('kv: /dev/stdin is the terminal of this session (KV_USAGE)')
  await screen.run('batch-put /dev/tty')
  expect(screen.text).toContain('kv: /dev/tty is the terminal of this session (KV_USAGE)')
  await screen.run('count')
  expect(screen.lines).toContain('3')
})

test('an endless input is refused at the limit of a value', async () => {
  using screen = await open({ home: await given([['k', 'v']]) })
  screen.type('put k --file /dev/zero\r')
  await screen.until(/kv: \/dev\/zero is longer than a value may be: \d+ bytes \(KV_TOO_LARGE\)/)
  await screen.until(() => screen.cursor.line === 't.kv [2]>')
  await screen.run('get k')
  expect(screen.lines).toContain('v')
})

test('SIGTERM ends a session that asks, whatever it asks', async () => {
  const home = await given([
    ['user:1', 'Ada'],
    ['user:2', 'Grace'],
  ])
  for (const [line, shown] of [
    ['put k', 'Ctrl-D ends it'],
    ['del --prefix user:', '(y/N)'],
    ['pick', '> user:1'],
  ] as const) {
    using screen = await open({ home })
    screen.type(`${line}\r`)
    await screen.until(shown)
    screen.kill('SIGTERM')
    await screen.until(() => screen.exitCode !== undefined)
  }
  expect(await kv(home, 'count')).toBe('2\n')
})

test('in the shell a pipe without a name, and one whose writer is done, end as they should', async () => {
  const home = folderWithPipe()
  const script = `kv() { '${process.execPath}' '${KV}' --store t.kv "$@"; }
    printf 'one' | kv put a --file /dev/stdin; : | kv put b --file /dev/stdin; (sleep 0; printf 'three') > pipe & kv put c --file pipe; printf 'put d 4' | kv repl /dev/stdin; : | kv repl /dev/stdin
    kv range --json`
  const child = spawn('/bin/sh', ['-c', script], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  for await (const chunk of child.stdout) out += String(chunk)
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(
    [
      ['a', 'one'],
      ['b', ''],
      ['c', 'three'],
      ['d', '4'],
    ].map(([key, value]) => ({ key, value })),
  )
})
