import type { ChildProcess } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { type Given, ended, errorText, expectRun, givenStore, kv, shell, startKv } from '../helpers/kv.ts'
import { openTestStore } from '../helpers/store.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'
import { watched } from '../helpers/watch.ts'

const ADA: readonly Given[] = [['user:1', 'Ada']]

/** `kv watch` over a store that is there, once it stands. */
async function started(
  args: readonly string[],
  given: readonly Given[] = ADA,
): Promise<{ hasLog: () => boolean; store: Store; child: ChildProcess; run: ReturnType<typeof ended> }> {
  const path = await givenStore(given)
  const child = startKv(['watch', ...args], { store: path })
  const run = ended(child)
  const hasLog = await watched(path)
  return { hasLog, store: await openTestStore(path), child, run }
}

/** Puts a key again and again until a run has ended. */
async function putUntil(run: Promise<unknown>, store: Store, key: string): Promise<void> {
  const state = { isOver: false }
  void run.then(() => (state.isOver = true))
  while (!state.isOver) {
    await store.put(key, 'v')
    await new Promise(setImmediate)
  }
}

describe('kv watch', () => {
  test('prints a line for each change, at once, and ends after --limit', async () => {
    const { hasLog, store, child, run } = await started(['--prefix', 'user:', '--limit', '4'])
    const line = new Promise<string>((resolve) =>
      child.stdout!.once('data', (data: Buffer) => resolve(data.toString())),
    )
    await store.put('user:2', 'Gr"ace')
    expect(await line).toBe('{"type":"put","key":"user:2","value":"Gr\\"ace"}\n')
    await store.put('other', '1')
    await store.del('user:1')
    await store.put(Buffer.from('user:\xff', 'latin1'), Buffer.from([0xfe]), { expires: 4_102_444_800_000 })
    await store.put('user:3', '')
    expectRun(await run, {
      stdout: [
        '{"type":"put","key":"user:2","value":"Gr\\"ace"}',
        '{"type":"del","key":"user:1"}',
        '{"type":"put","key_base64":"dXNlcjr/","value_base64":"/g==","expires":"2100-01-01T00:00:00.000Z"}',
        '{"type":"put","key":"user:3","value":""}',
        '',
      ].join('\n'),
    })
    expect(hasLog()).toBe(false)
  })

  test('watches several keys, in one order', async () => {
    const { store, run } = await started(['user:1', 'user:3', '--limit', '3', '--value-encoding', 'hex'])
    for (const key of ['user:3', 'user:2', 'user:1', 'user:3']) await store.put(key, 'v')
    expectRun(await run, {
      stdout:
        '{"type":"put","key":"user:3","value_hex":"76"}\n{"type":"put","key":"user:1","value_hex":"76"}\n{"type":"put","key":"user:3","value_hex":"76"}\n',
    })
  })

  test('--format table prints lines for people, also into a pipe', async () => {
    const { store, run } = await started(['--all', '--limit', '2', '--format', 'table'])
    await store.put('a', 'x\u001b[31m\ny')
    await store.del('a')
    expectRun(await run, { stdout: 'put  a  x\\x1b[31m\\ny\ndel  a\n' })
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends it as any process, and nothing is left in the file',
    async (signal) => {
      const { hasLog, child, run } = await started(['--all'])
      child.kill(signal)
      expect(await run).toMatchObject({ code: null, signal, stderr: '' })
      expect(hasLog()).toBe(false)
    },
  )

  test('a reader who reads nothing does not keep it from ending by a signal', async () => {
    const { hasLog, store, child, run } = await started(['--all'])
    child.stdout!.pause()
    // More than any pipe holds.
    for (let i = 0; i < 30; i++) await store.put('k', 'v'.repeat(100_000))
    child.stdout!.once('readable', () => {})
    child.kill('SIGTERM')
    const code = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
    expect(await code).toBe('SIGTERM')
    expect(hasLog()).toBe(false)
    child.stdout!.resume()
    await run
  })

  test('a slow reader gets every change', async () => {
    const { store, child, run } = await started(['--all', '--limit', '300'])
    child.stdout!.pause()
    for (let i = 0; i < 300; i++) await store.put(`k${i}`, `${i}`.repeat(3000))
    child.stdout!.resume()
    const lines = (await run).stdout.toString().trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { key: string }).key)).toEqual(
      Array.from({ length: 300 }, (_, i) => `k${i}`),
    )
  })

  test('a reader that goes away ends it quietly at the next change', async () => {
    const path = await givenStore(ADA)
    const run = shell('{ kv watch --all; echo "exit $?" >&2; } | head -n 1', { store: path })
    await watched(path)
    const store = await openTestStore(path)
    await store.put('a', '1')
    // Whether head is gone by the time of the second is not known, but by some time it is.
    await putUntil(run, store, 'b')
    expectRun(await run, { stdout: '{"type":"put","key":"a","value":"1"}\n', stderr: 'exit 0\n' })
  })

  test('waits for a store that is not there', async () => {
    const path = await givenStore()
    const run = kv(['watch', 'k', '--limit', '1'], { store: path })
    const store = await openTestStore(path)
    // Before it waits, or after.
    await putUntil(run, store, 'k')
    expectRun(await run, { stdout: '{"type":"put","key":"k","value":"v"}\n' })
  })

  test('watches a server', async () => {
    const path = await givenStore(ADA)
    const server = startKv(['serve', '--port', '0', '--json'], { store: path })
    const [line] = await new Promise<Buffer[]>((resolve) =>
      server.stdout!.once('data', (...data: Buffer[]) => resolve(data)),
    )
    const { url } = JSON.parse(line!.toString()) as { url: string }
    const run = kv(['watch', '--all', '--limit', '1', '--store', url])
    const store = await openStore(url)
    onTestFinished(() => store.close())
    while (!(await (await fetch(`${url}/metrics`)).text()).includes('kv_watches 1'));
    await store.put('a', '1')
    expectRun(await run, { stdout: '{"type":"put","key":"a","value":"1"}\n' })
    server.kill('SIGTERM')
  })

  test.for<[string, readonly string[], string, string]>([
    ['nothing to watch', [], 'say what to watch: KEY..., --prefix or --all', 'all keys: kv watch --all'],
    ['two choices', ['a', '--all'], 'say what to watch: KEY..., --prefix or --all', 'all keys: kv watch --all'],
    [
      'a form changes do not have',
      ['--all', '--format', 'csv'],
      'changes cannot be printed as csv',
      'use jsonl, or table for lines to read',
    ],
  ])('%s is refused', async ([, args, message, hint]) => {
    expectRun(await kv(['watch', ...args], { store: await givenStore(ADA) }), {
      code: 2,
      stderr: errorText(message, 'KV_USAGE', hint),
    })
  })

  test('--limit 0 ends at once', async () => {
    expectRun(await kv(['watch', '--all', '--limit', '0'], { store: await givenStore(ADA) }), {})
  })

  test('on a terminal says that it watches, and fits each change to a line', async (context) => {
    needTerminal(context)
    const path = await givenStore(ADA)
    const screen = terminal(['watch', '--all', '--limit', '3'], { store: path, columns: 40 })
    await screen.waitFor(/kv: watching all keys; Ctrl-C ends it/)
    await watched(path)
    const store = await openTestStore(path)
    await store.put('user:1', 'a value that is longer than the line of a narrow terminal')
    await store.put('bell', '\u0007\u001b]0;title\u0007')
    await store.del('user:1')
    expect((await screen.ended).code).toBe(0)
    expect(screen.screen().split('\n').slice(1)).toEqual([
      'put  user:1  a value that is longer tha…',
      'put  bell  \\x07\\x1b]0;title\\x07',
      'del  user:1',
    ])
    expect(screen.raw).not.toMatch(/\u0007|\u001b\]/)
  })
})
