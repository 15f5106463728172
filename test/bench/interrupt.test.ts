import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, watch, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type TestContext, expect, onTestFinished, test } from 'vitest'
import { KV, ended } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { type Terminal, needTerminal, terminal } from '../helpers/terminal.ts'
import { open } from '../repl/sessions.ts'

/** Skips the test where a program is missing, or fails it in CI. */
function need(context: TestContext, ...programs: readonly string[]): void {
  const missing = programs.find(
    (program) => !(process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program))),
  )
  if (missing === undefined) return
  if (process.env['CI']) throw new Error(`no ${missing}`)
  context.skip(`no ${missing}`)
}

/** Starts a benchmark with peers. */
function start(home: string): ChildProcess {
  mkdirSync(join(home, 'tmp'))
  const args = ['bench', '--peers', '--records', '2000', '--duration', '10m', '--warmup', '0']
  const child = spawn(KV[0], [...KV.slice(1), ...args], {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home, TMPDIR: join(home, 'tmp') },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** Settles when a file with this beginning of a name is in the benchmark's folder. */
function whenMade(home: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!readdirSync(join(home, 'tmp'), { recursive: true, encoding: 'utf8' }).some((path) => path.includes(name)))
        return
      listener.close()
      resolve()
    }
    const listener = watch(join(home, 'tmp'), { recursive: true }, look)
    look()
  })
}

/** Numbers of the processes whose command line names a folder. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Presses Ctrl-C, and expects the end of the run and of all it has started and made. */
async function endsByCtrlC(kv: Terminal, tmp: string): Promise<void> {
  kv.send('\u0003')
  const { code } = await kv.ended
  expect([code, kv.screen()]).toEqual([
    130,
    expect.stringMatching(/kv: interrupted; nothing of the benchmark is left behind \(KV_INTERRUPTED\)$/),
  ])
  expect([readdirSync(tmp), processesOf(tmp)]).toEqual([[], []])
}

test.runIf(existsSync('/proc/self/cmdline'))(
  'Ctrl-C on a terminal, which reaches the whole group, ends the run and every peer',
  async (context) => {
    need(context, 'sqlite3', 'ldb', 'redis-server', 'stdbuf')
    needTerminal(context)
    const tmp = tempDir()
    const kv = terminal(['bench', '--peers', '--records', '500', '--duration', '10m', '--warmup', '10m'], {
      env: { TMPDIR: tmp },
    })
    await kv.waitFor(/kv: read/)
    // kv, and three peers.
    expect(processesOf(tmp).length).toBeGreaterThan(2)
    await endsByCtrlC(kv, tmp)
  },
)

test.runIf(existsSync('/proc/self/cmdline'))(
  'Ctrl-C on a terminal while a peer is asked is no fault of the peer',
  async (context) => {
    need(context, 'sqlite3', 'stdbuf')
    needTerminal(context)
    const tmp = tempDir()
    const kv = terminal(
      ['bench', '--peers', '--records', '500', '--ops', '10000', '--warmup', '0', '--workload', 'scan'],
      { env: { TMPDIR: tmp } },
    )
    await kv.waitFor(/sqlite3: scan/)
    await endsByCtrlC(kv, tmp)
  },
)

test.runIf(existsSync('/proc/self/cmdline'))('Ctrl-C ends a run whose peer does not answer', async (context) => {
  need(context, 'sqlite3', 'stdbuf')
  const home = tempDir()
  const child = start(home)
  const outcome = ended(child)
  await whenMade(home, 'sqlite3.db')
  const peer = processesOf(join(home, 'tmp')).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('sqlite3.db'),
  )!
  execFileSync('kill', ['-STOP', String(peer)])
  child.kill('SIGINT')
  const { code } = await outcome
  expect([code, readdirSync(join(home, 'tmp')), processesOf(join(home, 'tmp'))]).toEqual([130, [], []])
})

test('the sqlite3 program does not read the settings of its user', async (context) => {
  need(context, 'sqlite3', 'stdbuf')
  const home = tempDir()
  mkdirSync(join(home, 'tmp'))
  writeFileSync(join(home, '.sqliterc'), '.mode box\n.headers on\nselect 1;\n')
  const child = spawn(
    KV[0],
    [...KV.slice(1), 'bench', '--peers', '--records', '50', '--ops', '5', '--warmup', '0', '--json'],
    { cwd: home, env: { PATH: process.env['PATH'], HOME: home, TMPDIR: join(home, 'tmp') } },
  )
  const { stdout } = await ended(child)
  const { targets } = JSON.parse(String(stdout)) as {
    targets: { name: string; steps: { missing: number; name: string }[] }[]
  }
  expect(targets.find(({ name }) => name === 'sqlite3')!.steps.map(({ missing }) => missing)).toEqual([0, 0, 0, 0, 0])
})

test('Ctrl-C in a session stops a benchmark', async () => {
  using screen = await open()
  screen.type('bench --records 100 --duration 10m\r')
  await screen.until(() => screen.raw.includes('kv: read'))
  await screen.interrupt()
  expect(screen.text).toContain('interrupted; nothing of the benchmark is left behind (KV_INTERRUPTED)')
})
