import { expect, test } from 'vitest'
import { served } from '../../helpers/serve.ts'
import { tempDir } from '../../helpers/temp-dir.ts'
import { Screen } from '../screen.ts'

/** A server that has stopped to answer, and what it did answer before. */
async function server(): Promise<{ url: string; hang(): void }> {
  const { child, url } = await served()
  return { url, hang: () => void child.kill('SIGSTOP') }
}

test('a server that hangs takes no key along: not at Tab, nor at a preview', async () => {
  const { url, hang } = await server()
  using screen = new Screen(['--store', url], { home: tempDir() })
  await screen.until(/\d> ?$/)
  await screen.run('put abc 1')
  hang()
  screen.type('get a\t')
  await screen.until(/> get a/)
  screen.type('\x03')
  await screen.until(() => screen.prompts === 3 && screen.cursor.line.endsWith('>'))
  // Any key goes on, and what it types is there.
  screen.type('get a\t')
  await screen.until(() => screen.cursor.line.includes('> get a'))
  screen.type('b')
  await screen.until(/> get ab/)
  screen.type('\x1b[H\x1b[3~p\x1b[F')
  await screen.until(/> pet ab/)
  screen.type('\x15.help undo\r')
  await screen.until('Usage: .undo')
  await screen.leave()
  expect(screen.exitCode).toBe(0)
})

test('a session on a server that hangs has a keyboard', async () => {
  const { url, hang } = await server()
  hang()
  using screen = new Screen(['--store', url], { home: tempDir() })
  screen.type('.help un')
  await screen.until(/> \.help un/)
  screen.type('do\r')
  await screen.until('Usage: .undo')
  await screen.leave()
})
