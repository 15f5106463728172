import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { holdLock } from '../../helpers/lock.ts'
import { given, open } from '../sessions.ts'

/** A store with so many keys that no command on all of them is done at once. */
function largeStore(): Promise<string> {
  return given(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, 'v'.repeat(40)] as const))
}

test('Ctrl-C stops range, check, du and a range delete before their end, and nothing is deleted', async () => {
  using screen = await open({ home: await largeStore() })
  const took: Record<string, number> = {}
  const stop = async (line: string, begun: () => boolean): Promise<void> => {
    screen.type(`${line}\r`)
    await screen.until(begun)
    took[line] = await screen.interrupt()
  }
  const enters = (line: string) => (): boolean => screen.raw.endsWith('\r\n') && screen.raw.includes(line)
  await stop('range', () => screen.raw.includes('k1000'))
  await stop('range --json', () => screen.raw.includes('"k1000"'))
  // The last key in byte order.
  expect(screen.raw).not.toContain('k99999')
  await stop('check', enters('check'))
  await stop('du --depth 6', enters('--depth 6'))
  expect(screen.text).toContain('kv: interrupted (KV_INTERRUPTED)')
  expect(screen.text).not.toContain('KV_INTERNAL')
  await screen.run('.snapshot')
  await stop(
    '.snapshot',
    () => screen.raw.endsWith('\r\n') && screen.raw.lastIndexOf('.snapshot') > screen.raw.lastIndexOf('copied'),
  )
  await screen.run('.diff')
  expect(screen.text).toContain('0 new, 0 changed, 0 gone')
  await stop('del --range k1 k8 --yes', enters('k8 --yes'))
  expect(screen.text).toContain('interrupted, nothing was deleted (KV_INTERRUPTED)')
  await screen.run('count')
  expect(screen.lines).toContain('300000')
  console.log(
    `Ctrl-C to prompt: ${Object.entries(took)
      .map(([line, ms]) => `${line} ${Math.round(ms)} ms`)
      .join(', ')}`,
  )
})

test('Ctrl-C ends the wait for the lock of another process', async () => {
  const home = await given([['a', '1']])
  const release = await holdLock(join(home, 't.kv'))
  using screen = await open({ home })
  screen.type('put a 2\r')
  await screen.until(() => screen.raw.includes('put a 2') && screen.raw.endsWith('\r\n'))
  await screen.interrupt()
  expect(screen.text).toContain('interrupted, nothing was done (KV_INTERRUPTED)')
  await release()
  await screen.run('get a')
  expect(screen.lines).toContain('1')
})

test('Ctrl-C is heard also after keys that were typed while the command runs, and takes them back', async () => {
  using screen = await open()
  screen.type('.watch 20ms count\r')
  await screen.until(/^0\n0$/m)
  screen.type('put typed ahead\r\u0003')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  await screen.run('count')
  expect(screen.text).not.toContain('created')
})

test('a line and Ctrl-C in one go is a line that does not run', async () => {
  using screen = await open()
  screen.type('put a b\r\u0003')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  await screen.run('count')
  expect(screen.lines).toContain('0')
})

test.for([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s ends a server that runs in a session', async ([, key]) => {
  using screen = await open({ home: await given([['a', '1']]) })
  screen.type('serve --port 0\r')
  await screen.until(/serving .* on http:\/\/127\.0\.0\.1:\d+ /)
  const [, url] = /on (http:\S+)/.exec(screen.text)!
  expect(await (await fetch(`${url}/read/a`)).json()).toMatchObject({ data: { value: '1' } })
  screen.type(key!)
  await screen.until(() => screen.cursor.line === 't.kv>')
  await expect(fetch(`${url}/read/a`)).rejects.toThrow()
  await screen.run('count')
  expect(screen.lines).toContain('1')
})

test.for(['SIGTERM', 'SIGHUP'])('%s ends a session on a terminal, and takes its snapshot away', async (signal) => {
  const home = await given([['a', '1']])
  const temp = join(home, 'tmp')
  mkdirSync(temp)
  using screen = await open({ home, env: { TMPDIR: temp } })
  await screen.run('.snapshot')
  expect(readdirSync(temp)).toHaveLength(1)
  screen.kill(signal)
  await screen.until(() => screen.exitCode !== undefined)
  expect(readdirSync(temp)).toEqual([])
})

test('SIGINT from outside is Ctrl-C, also at the prompt and at a question', async () => {
  using screen = await open({
    home: await given([
      ['a:1', 'x'],
      ['a:2', 'y'],
    ]),
  })
  await screen.run('put a:2 z')
  screen.type('get nothing')
  await screen.until(() => screen.cursor.line === 't.kv> get nothing')
  screen.kill('SIGINT')
  await screen.until(() => screen.cursor.line === 't.kv>')
  screen.type('del --prefix a:\r')
  await screen.until('Delete these 2 keys?')
  screen.kill('SIGINT')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  await screen.run('.undo')
  await screen.run('get a:2')
  expect(screen.lines).toContain('y')
})

test('Ctrl-\\ ends the program that has the terminal, not the session', async () => {
  using screen = await open()
  screen.type('!echo begun; exec sleep 1000\r')
  await screen.until(/^begun$/m)
  screen.type('\u001c')
  await screen.until(() => screen.cursor.line === 't.kv [131]>')
  using plain = await open({ env: { TERM: 'dumb' } })
  plain.type('!echo begun; exec sleep 1000\r')
  await plain.until(/^begun$/m)
  plain.type('\u001c')
  await plain.until(/t\.kv \[131\]> ?$/)
})

test('Ctrl-C right behind Enter stops a line that has a program of the shell', async () => {
  using screen = await open({ home: await given([['a', '1']]) })
  for (const line of ['!exec sleep 20', 'get a | sleep 20', 'watch --all | cat']) {
    screen.type(`${line}\r`)
    screen.type('\u0003')
    await screen.until(() => screen.cursor.line === 't.kv [130]>')
    screen.type('\u000c')
    await screen.until(() => screen.lines.filter((shown) => shown !== '').length === 1)
  }
})

test('what says that a line was stopped waits until its program is gone from the screen', async () => {
  const home = await given(Array.from({ length: 300 }, (_, i) => [`k${i}`, 'v'.repeat(10_000)] as const))
  // Bash waits for a program that takes Ctrl-C for itself, as less does.
  writeFileSync(
    join(home, 'program'),
    "trap 'echo heard' INT; echo begun; until [ -e go ]; do sleep 0.02; done; echo gone\n",
  )
  using screen = await open({ home, env: { SHELL: '/bin/bash' } })
  screen.type('range | sh program\r')
  await screen.until(/^begun$/m)
  screen.type('\u0003')
  await screen.until(/heard$/m)
  writeFileSync(join(home, 'go'), '')
  await screen.until(() => screen.cursor.line === 't.kv [130]>')
  expect(screen.text).toMatch(/heard\ngone\nkv: interrupted \(KV_INTERRUPTED\)\n/)
})
