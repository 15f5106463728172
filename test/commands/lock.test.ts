import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import {
  KV,
  type Case,
  type Run,
  contents,
  ended,
  environment,
  errorText,
  expectRun,
  givenStore,
  kvProcess,
  startKv,
  testCases,
} from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { needTerminal, terminal } from '../helpers/terminal.ts'

const usage = (message: string, hint?: string): Pick<Case, 'stderr' | 'code'> => ({
  stderr: errorText(message, 'KV_USAGE', hint),
  code: 2,
})

const CASES: readonly Case[] = [
  {
    name: 'runs the command, and leaves nothing',
    args: ['lock', 'n', '--', 'echo', '-n', 'done'],
    stdout: 'done',
    leaves: [],
  },
  { name: 'ends with its exit code', args: ['lock', 'n', '--', 'sh', '-c', 'exit 7'], code: 7, leaves: [] },
  {
    name: 'ends as a shell tells a signal',
    args: ['lock', 'n', '--', 'sh', '-c', 'kill -9 $$'],
    code: 137,
    leaves: [],
  },
  { name: 'gives it its standard input', args: ['lock', 'n', '--', 'cat'], input: 'text', stdout: 'text' },
  { name: 'gives it a -- of its own', args: ['lock', 'n', '--', 'echo', '--', '--ttl'], stdout: '-- --ttl\n' },
  {
    name: 'takes options before the name',
    args: ['lock', '--ttl', '5s', '--wait', '0', 'n', '--', 'echo', '--', '-x'],
    stdout: '-- -x\n',
  },
  {
    name: 'does not run it while another holds the lock, exit 1',
    args: ['lock', 'n', '--wait', '0', '--', 'echo', 'no'],
    given: [['n', 'host:1:ab']],
    stderr: errorText('the lock n was not obtained: held by host:1:ab', 'KV_CONDITION'),
    code: 1,
    leaves: [['n', 'host:1:ab']],
  },
  {
    name: 'waits for --wait',
    args: ['lock', 'n', '--wait', '200ms', '--', 'echo', 'no'],
    given: [['n', 'me']],
    stderr: errorText('the lock n was not obtained: held by me', 'KV_CONDITION'),
    code: 1,
  },
  {
    name: 'takes a lock that has expired',
    args: ['lock', 'n', '--wait', '0', '--', 'echo', 'ran'],
    given: [['n', 'me', { expires: 978307200000 }]],
    stdout: 'ran\n',
    leaves: [],
  },
  {
    name: 'a command that is not there is a wrong call, and leaves no lock',
    args: ['lock', 'n', '--', './no-such-program'],
    ...usage('cannot run ./no-such-program: no such file or folder'),
    leaves: [],
  },
  {
    name: 'wants a command',
    args: ['lock', 'n'],
    ...usage('missing argument CMD', 'kv lock --help shows how it is called'),
  },
  {
    name: 'names -- for an option of the command',
    args: ['lock', 'n', 'ls', '-l'],
    ...usage('unknown option -l', 'the command stands after --: kv lock NAME -- CMD -l'),
  },
  {
    name: 'refuses a time to live that cannot be renewed',
    args: ['lock', 'n', '--ttl', '500ms', '--', 'true'],
    ...usage('--ttl is too short: 500ms', 'a lock lives for 1s at least'),
  },
]

describe('kv lock', () => {
  testCases(CASES, kvProcess)

  test('the lock is an entry with host, process and a random part, and expires', async () => {
    const store = await givenStore()
    const run = await kvProcess(['lock', 'n', '--ttl', '1h', '--', ...KV, 'range', '--store', store], { store })
    expectRun(run, { stdout: /^\{"key":"n","value":"[^:]+:\d+:[0-9a-f]{12}","expires":"[^"]+"\}\n$/ })
    expect(await contents(store)).toEqual([])
  })

  test('it is renewed while the command runs', async () => {
    const path = await givenStore([['other', '']])
    await using store = await openStore(path)
    await using watch = await store.watch({ prefix: 'n' })
    const changes = watch[Symbol.asyncIterator]()
    const child = startKv(['lock', 'n', '--ttl', '1s', '--', 'cat'], { store: path })
    const run = ended(child)
    const seen: unknown[] = []
    for (let i = 0; i < 5; i++) {
      const change = (await changes.next()).value!
      seen.push(change.type === 'put' ? Buffer.from(change.value).toString() : change.type)
    }
    expect(new Set(seen).size).toBe(1)
    child.stdin!.end('end')
    expectRun(await run, { stdout: 'end' })
    expect((await changes.next()).value).toMatchObject({ type: 'del' })
  })

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s goes to the command, whose exit code counts',
    async (signal) => {
      const store = await givenStore()
      const script = `trap 'echo got; exit 5' ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`
      const child = startKv(['lock', 'n', '--', 'sh', '-c', script], { store })
      const run = ended(child)
      await once(child.stdout!, 'data')
      child.kill(signal)
      expectRun(await run, { stdout: 'ready\ngot\n', code: 5 })
      expect(await contents(store)).toEqual([])
    },
  )

  test('a command whose lock was deleted is told to end', async () => {
    const path = await givenStore()
    const child = startKv(['lock', 'n', '--ttl', '1s', '--', 'sh', '-c', 'echo ready; exec cat'], { store: path })
    const run = ended(child)
    await once(child.stdout!, 'data')
    expectRun(await kvProcess(['put', 'n', 'other'], { store: path }), {})
    expectRun(await run, {
      stdout: 'ready\n',
      stderr: 'kv: lost the lock n: another has taken or deleted it; the command is sent SIGTERM\n',
      code: 143,
    })
    expect(await contents(path)).toEqual([['n', 'other']])
  })

  test('one whose store is gone, too', async () => {
    const server = await served()
    const child = startKv(['lock', 'n', '--ttl', '1s', '--', 'sh', '-c', 'echo ready; exec cat'], { store: server.url })
    const run = ended(child)
    await once(child.stdout!, 'data')
    server.child.kill('SIGKILL')
    expectRun(await run, {
      stdout: 'ready\n',
      stderr:
        /^kv: lost the lock n: it could not be renewed in time: .*; the command is sent SIGTERM\nkv: the lock n was not released, and lasts up to 1s more: .*\n$/,
      code: 143,
    })
  })

  test('a lock that is another one by the end is left, and that is said', async () => {
    const store = await givenStore()
    const run = await kvProcess(['lock', 'n', '--', ...KV, 'put', 'n', 'other', '--store', store], { store })
    expectRun(run, { stderr: 'kv: lost the lock n while the command ran: another has taken or deleted it\n' })
    expect(await contents(store)).toEqual([['n', 'other']])
  })

  test('in a session', async () => {
    const store = await givenStore()
    expectRun(await kvProcess(['repl'], { store, input: 'lock n -- echo hi\ncount\n' }), { stdout: 'hi\n0\n' })
  })

  test('.undo knows nothing of the lock itself', async () => {
    const store = await givenStore()
    const input = 'put a 1\nlock n -- true\n.undo\ncount\n'
    expectRun(await kvProcess(['repl'], { store, input }), { stdout: '0\n', stderr: 'undone: put a 1 (1 key)\n' })
  })

  test('a holder that was stopped for longer than --ttl ends its command, and leaves the lock to the next', async () => {
    const store = await givenStore()
    const hold = (): { child: ChildProcess; run: Promise<Run>; has: Promise<unknown> } => {
      const child = startKv(['lock', 'n', '--ttl', '1s', '--wait', '1m', '--', 'sh', '-c', 'echo has; exec cat'], {
        store,
      })
      return { child, run: ended(child), has: once(child.stdout!, 'data') }
    }
    const first = hold()
    await first.has
    first.child.kill('SIGSTOP')
    const second = hold()
    await second.has
    first.child.kill('SIGCONT')
    expectRun(await first.run, {
      stdout: 'has\n',
      stderr: /^kv: lost the lock n: .*; the command is sent SIGTERM\n$/,
      code: 143,
    })
    expect(await contents(store)).toEqual([['n', expect.stringMatching(`:${second.child.pid}:`)]])
    second.child.stdin!.end()
    expectRun(await second.run, { stdout: 'has\n' })
    expect(await contents(store)).toEqual([])
  })

  describe('Ctrl-C at a terminal', () => {
    beforeEach((context) => needTerminal(context))

    test('while it waits ends kv, and leaves the lock to its holder', async () => {
      const store = await givenStore([['n', 'me']])
      const tty = terminal(['lock', 'n', '--wait', '1h', '--', 'echo', 'no'], { store })
      await tty.waitFor(/kv: waiting for n, held by me/)
      tty.send('\u0003')
      expect((await tty.ended).code).toBe(130)
      expect(await contents(store)).toEqual([['n', 'me']])
    })

    test('reaches the command once, which may go on', async () => {
      const store = await givenStore()
      const script = `trap 'i=$((i+1)); echo got $i' INT; i=0; echo ready; while [ $i = 0 ]; do sleep 0.02; done; echo "end $i"`
      const tty = terminal(['lock', 'n', '--', 'sh', '-c', script], { store })
      await tty.waitFor(/ready/)
      tty.send('\u0003')
      expect((await tty.ended).code).toBe(0)
      expect(tty.screen()).toMatch(/got 1\n+end 1$/)
      expect(await contents(store)).toEqual([])
    })
  })

  test.for([
    ['file', 16],
    ['http', 8],
  ] as const)('of contenders, some of them killed, never two hold it: %s, %i', async ([where, many]) => {
    const store = where === 'file' ? await givenStore() : (await served()).url
    const log = join(tempDir(), 'log')
    const isKilled = (id: number): boolean => id % 4 === 0
    // One that is to be killed would hold the lock for ever.
    const script =
      'echo "begin $1" >> "$0"; echo begun; if [ "$2" = true ]; then exec cat; fi; sleep 0.05; echo "end $1" >> "$0"'
    const runs = Array.from({ length: many }, async (_, id) => {
      const args = [
        'lock',
        'n',
        '--ttl',
        '2s',
        '--wait',
        '2m',
        '--',
        'sh',
        '-c',
        script,
        log,
        `${id}`,
        `${isKilled(id)}`,
      ]
      const child = group(['--store', store, ...args])
      const run = ended(child)
      child.stdout!.once('data', () => isKilled(id) && process.kill(-child.pid!, 'SIGKILL'))
      return run
    })
    const codes = (await Promise.all(runs)).map(({ code, signal, stderr }) => [code ?? signal, stderr])
    expect(codes).toEqual(codes.map((_, id) => [isKilled(id) ? 'SIGKILL' : 0, '']))
    const events = readFileSync(log, 'utf8').trim().split('\n')
    let holder: number | undefined
    for (const event of events) {
      const id = Number(event.split(' ')[1])
      if (event.startsWith('end')) expect(holder, events.join()).toBe(id)
      else expect(holder === undefined || isKilled(holder), events.join()).toBe(true)
      holder = event.startsWith('end') ? undefined : id
    }
    expect(events.filter((event) => event.startsWith('begin'))).toHaveLength(many)
  })
})

/** A kv that is, with what it starts, a process group of its own; killed when the test is over. */
function group(args: readonly string[]): ChildProcess {
  const child = spawn(KV[0], [...KV.slice(1), ...args], {
    env: environment(),
    cwd: tempDir(),
    stdio: 'pipe',
    detached: true,
  })
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  })
  return child
}
