import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import {
  type Given,
  type Run,
  ended,
  errorText,
  expectRun,
  givenStore,
  kv,
  kvProcess,
  shell,
  startKv,
} from '../helpers/kv.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'
import { watched } from '../helpers/watch.ts'

/** Fails unless a run ended well and printed these changes: lines without the position at their end. */
function expectChanges(run: Run, stdout: string, stderr: string): void {
  const lines = run.stdout.toString().replaceAll(/,"position":"[a-z0-9]{12}-\d+"}$/gm, '}')
  expectRun({ ...run, stdout: Buffer.from(lines) }, { stdout, stderr: `kv: watching ${stderr}\n` })
}

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
    expect(await line).toMatch(/^\{"type":"put","key":"user:2","value":"Gr\\"ace","position":"[a-z0-9]{12}-1"\}\n$/)
    await store.put('other', '1')
    await store.del('user:1')
    await store.put(Buffer.from('user:\xff', 'latin1'), Buffer.from([0xfe]), { expires: 4_102_444_800_000 })
    await store.put('user:3', '')
    expectChanges(
      await run,
      [
        '{"type":"put","key":"user:2","value":"Gr\\"ace"}',
        '{"type":"del","key":"user:1"}',
        '{"type":"put","key_base64":"dXNlcjr/","value_base64":"/g==","expires":"2100-01-01T00:00:00.000Z"}',
        '{"type":"put","key":"user:3","value":""}',
        '',
      ].join('\n'),
      'keys that begin with user:',
    )
    expect(hasLog()).toBe(false)
  })

  test('watches several keys, in one order', async () => {
    const { store, run } = await started(['user:1', 'user:3', '--limit', '3', '--value-encoding', 'hex'])
    for (const key of ['user:3', 'user:2', 'user:1', 'user:3']) await store.put(key, 'v')
    expectChanges(
      await run,
      '{"type":"put","key":"user:3","value_hex":"76"}\n{"type":"put","key":"user:1","value_hex":"76"}\n{"type":"put","key":"user:3","value_hex":"76"}\n',
      'user:1 user:3',
    )
  })

  test('--format table prints lines for people, also into a pipe', async () => {
    const { store, run } = await started(['--all', '--limit', '2', '--format', 'table'])
    await store.put('a', 'x\u001b[31m\ny')
    await store.del('a')
    expectRun(await run, {
      stdout: 'put  a  x\\x1b[31m\\ny\ndel  a\n',
      stderr: 'kv: watching all keys\n',
    })
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends it as any process, and nothing is left in the file',
    async (signal) => {
      const { hasLog, child, run } = await started(['--all'])
      child.kill(signal)
      expect(await run).toMatchObject({ code: null, signal, stderr: 'kv: watching all keys\n' })
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
    expectChanges(await run, '{"type":"put","key":"a","value":"1"}\n', 'all keys\nexit 0')
  })

  test('waits for a store that is not there', async () => {
    const path = await givenStore()
    const run = kv(['watch', 'k', '--limit', '1'], { store: path })
    const store = await openTestStore(path)
    // Before it waits, or after.
    await putUntil(run, store, 'k')
    expectChanges(await run, '{"type":"put","key":"k","value":"v"}\n', 'k')
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
    expectChanges(await run, '{"type":"put","key":"a","value":"1"}\n', 'all keys')
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
    ['two beginnings', ['a', '--initial', '--after', 'x-1'], '--initial and --after exclude each other', ''],
    [
      'an empty --after',
      ['a', '--after', ''],
      'not a position of a watch',
      'positions stand in the changes that a watch reports',
    ],
    ['--latest without a command', ['a', '--latest'], '--latest needs a command', 'kv watch KEY --latest -- CMD'],
    ['a -- without a command', ['a', '--'], 'no command after --', 'kv watch KEY -- CMD'],
    [
      'a command that is not there',
      ['user:1', '--initial', '--quiet', '--', './none'],
      'cannot run ./none: no such file or folder',
      '',
    ],
  ])('%s is refused', async ([, args, message, hint]) => {
    expectRun(await kv(['watch', ...args], { store: await givenStore(ADA) }), {
      code: 2,
      stderr: errorText(message, 'KV_USAGE', hint === '' ? undefined : hint),
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

/** The changes that a run printed: key, value and position. */
function printed({ stdout }: Run): { type: string; key: string; value?: string; position: string }[] {
  const lines = stdout.toString().split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as ReturnType<typeof printed>[number])
}

describe('kv watch from a position on', () => {
  test('--initial prints what is there, then each change since: nothing lost, nothing doubled', async () => {
    const path = await givenStore(Array.from({ length: 3000 }, (_, i) => [`k${String(i).padStart(5, '0')}`, 'old']))
    const store = await openTestStore(path)
    const child = startKv(['watch', '--all', '--initial', '--limit', '5000', '--quiet'], { store: path })
    const run = ended(child)
    let count = 0
    const state = { isOver: false }
    void run.then(() => (state.isOver = true))
    // While it begins, and after.
    for (; !state.isOver; count++) {
      await store.put('n', String(count))
      await new Promise(setImmediate)
    }
    const changes = printed(await run)
    expect(changes.slice(0, 3000).map(({ key }) => key)).toEqual(
      Array.from({ length: 3000 }, (_, i) => `k${String(i).padStart(5, '0')}`),
    )
    const numbers = changes.filter(({ key }) => key === 'n').map(({ value }) => Number(value))
    expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
    expect(changes).toHaveLength(5000)
  })

  test('a loop with --after misses nothing of what happens between two runs', async () => {
    const path = await givenStore([['a', '0']])
    const store = await openTestStore(path)
    const next = async (...args: string[]): Promise<ReturnType<typeof printed>[number]> =>
      printed(await kv(['watch', 'a', '--limit', '1', '--quiet', ...args], { store: path }))[0]!
    let last = await next('--initial')
    const seen = [last.value]
    for (let i = 1; i < 10; i++) await store.put('a', String(i))
    await store.del('a')
    while (last.type !== 'del') seen.push((last = await next('--after', last.position)).value)
    expect(seen).toEqual([...'0123456789', undefined])
  })

  test('of several keys each says as its position that those of others after it are past', async () => {
    const path = await givenStore([
      ['a', '1'],
      ['b', '1'],
    ])
    const [first] = printed(await kv(['watch', 'a', 'c', '--initial', '--limit', '1'], { store: path }))
    expect(first!.position).not.toBe('partial')
  })

  test.for(['partial', 'abc-7'])(
    'a position that cannot be gone on from says how to begin again: %s',
    async (after) => {
      const run = await kv(['watch', 'a b', '--after', after, '--limit', '1'], { store: await givenStore(ADA) })
      expectRun(run, {
        code: 4,
        stderr:
          /^kv: .+ \(KV_WATCH_GAP\)\nhint: begin again with what is there: kv --store \S+ watch 'a b' --initial\n$/,
      })
    },
  )

  test('a reader that goes away ends it at once, though nothing changes', async ({ skip }) => {
    skip(process.platform !== 'linux', 'no poll of a pipe there')
    const run = await shell('{ kv watch rare; echo "exit $?" >&2; } | head -c 0', { store: await givenStore(ADA) })
    expect(run.stderr).toMatch(/exit 0\n$/)
  })
})

describe('kv watch -- CMD', () => {
  const QUIET = { env: { KV_QUIET: '1' } }

  test('runs it for each change, with the entry in its environment and the value on its stdin', async () => {
    const path = await givenStore([
      ['a', 'one', { expires: 4_102_444_800_000 }],
      ['b', Buffer.from([0xfe])],
      ['c', 'x'.repeat(200_000)],
    ])
    const script =
      'echo "$KV_TYPE $KV_KEY ${KV_VALUE-none} ${KV_VALUE_BASE64-none} ${KV_EXPIRES-none} ${KV_POSITION#*-} $(wc -c) $1"'
    const run = await kvProcess(
      ['watch', '--all', '--initial', '--limit', '3', '--', 'sh', '-c', script, '-', '--all'],
      {
        store: path,
        env: { ...QUIET.env, KV_VALUE_BASE64: 'stale' },
      },
    )
    expectRun(run, {
      stdout:
        'put a one none 2100-01-01T00:00:00.000Z partial 3 --all\n' +
        'put b none /g== none partial 1 --all\n' +
        'put c none none none 0 200000 --all\n',
    })
  })

  test('one that fails is told of, and the next is run', async () => {
    const store = await givenStore([
      ['a', '1'],
      ['b', '2'],
    ])
    const run = await kvProcess(['watch', 'a', 'b', '--initial', '--limit', '2', '--', 'sh', '-c', 'exit $KV_VALUE'], {
      store,
    })
    expectRun(run, {
      stderr: 'kv: watching a b\nkv: sh ended with exit code 1: put a\nkv: sh ended with exit code 2: put b\n',
    })
  })

  test('after a -- of their own come keys, and the command after the next', async () => {
    const store = await givenStore([['-k', '1']])
    const run = await kvProcess(['watch', '--initial', '--limit', '1', '--', '-k', '--', 'sh', '-c', 'echo $KV_KEY'], {
      store,
      ...QUIET,
    })
    expectRun(run, { stdout: '-k\n' })
  })

  test.for(['', '--latest'])('while it runs, others wait, and come in order %s', async (flag) => {
    const path = await givenStore([['k', 'first']])
    const store = await openTestStore(path)
    const go = join(tempDir(), 'go')
    const script = 'echo "$KV_VALUE"; while test "$KV_VALUE" = first -a ! -e "$GO"; do sleep 0.02; done'
    const args = ['watch', 'k', '--initial', ...(flag === '' ? [] : [flag]), '--', 'sh', '-c', script]
    const child = startKv(args, { store: path, env: { ...QUIET.env, GO: go } })
    const run = ended(child)
    await new Promise((resolve) => child.stdout!.once('data', resolve))
    for (let i = 0; i < 10; i++) await store.put('k', String(i))
    child.stdout!.on('data', (data: Buffer) => void (data.includes('9') && child.kill('SIGTERM')))
    writeFileSync(go, '')
    const seen = (await run).stdout.toString().trim().split('\n')
    if (flag === '') expect(seen).toEqual(['first', ...'0123456789'])
    // How many kv had seen by then is not known.
    else expect([seen[0], [...new Set(seen.slice(1))].sort(), seen.at(-1)]).toEqual(['first', seen.slice(1), '9'])
  })

  test('a signal goes to the command, and ends kv when that has ended', async () => {
    const path = await givenStore(ADA)
    const child = startKv(
      [
        'watch',
        'user:1',
        '--initial',
        '--',
        'sh',
        '-c',
        'trap "echo told; exit" TERM; echo up; while :; do sleep 0.02; done',
      ],
      { store: path, ...QUIET },
    )
    const run = ended(child)
    await new Promise((resolve) => child.stdout!.once('data', resolve))
    child.kill('SIGTERM')
    expect(await run).toMatchObject({ signal: 'SIGTERM', stderr: '' })
    expect((await run).stdout.toString()).toBe('up\ntold\n')
  })
})
