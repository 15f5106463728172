import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BIN, ended, environment, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** What a line is answered with. */
interface Answer {
  readonly output: string
  readonly code: string
}

/** A session that is asked line by line: each is sent when the one before has been answered. */
async function asked(lines: readonly string[], cwd = tempDir()): Promise<{ answers: Answer[]; stderr: string }> {
  const child = startKv(['repl', '--status'], { store: await givenStore([['a', 'one']]), cwd })
  const run = ended(child)
  let out = ''
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()))
  const answers: Answer[] = []
  for (const line of lines) {
    child.stdin!.write(`${line}\n`)
    let found: RegExpExecArray | null
    while ((found = /^([^\0]*)\0(\d+)\n/.exec(out)) === null) await once(child.stdout!, 'data')
    answers.push({ output: found[1]!, code: found[2]! })
    out = out.slice(found[0].length)
  }
  child.stdin!.end()
  const { code, stderr } = await run
  expect([code, out]).toEqual([0, ''])
  return { answers, stderr }
}

test('--status: every line is answered with its output and its exit code, before the next is sent', async () => {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'rows.jsonl'), '{"key":"r1","value":"1"}\n{"key":"r2","value":"2"}\n')
  writeFileSync(join(cwd, 'script'), 'put s 1\nget s\n')
  const cases: readonly (readonly [line: string, output: string, code: number])[] = [
    ['get a', 'one', 0],
    ['put b 2', '', 0],
    ['get missing', '', 1],
    ['bogus', '', 2],
    ['get', '', 2],
    ["put c 'two\nlines'", '', 0],
    ['get c', 'two\nlines', 0],
    ['batch-put rows.jsonl', '', 0],
    ['batch-put', '', 2],
    ['put d', '', 2],
    ['range --prefix r', '{"key":"r1","value":"1"}\n{"key":"r2","value":"2"}\n', 0],
    ['count --prefix none', '0\n', 0],
    ['', '', 0],
    ['# a comment', '', 0],
    ['get a | tr o O', 'One', 0],
    ['!echo hi', 'hi\n', 0],
    ['.read script', '1', 0],
    ['.undo now', '', 2],
    ['watch a', '', 2],
    ['watch a --limit 0', '', 0],
    ['.watch 1 count', '', 2],
    ['serve --port 0', '', 2],
    ['copy x.kv y.kv --follow', '', 2],
    ['del b', '1\n', 0],
    ["put nul 'a\u0000b'", '', 2],
    ['exit', '', 0],
  ]
  const { answers, stderr } = await asked(
    cases.map(([line]) => line),
    cwd,
  )
  expect(answers.map(({ output, code }, i) => [cases[i]![0], output, Number(code)])).toEqual(cases)
  expect(stderr).not.toContain('failed at')
  expect(stderr).toContain(
    'kv: with --status every command has to end, and this one does not end by itself (KV_USAGE)\nhint: ',
  )
})

test('--status of a script in a file', async () => {
  const file = join(tempDir(), 'script')
  writeFileSync(file, 'get missing\nput a 1\nget a')
  expectRun(await kv(['repl', '--status', file], { store: await givenStore() }), {
    stdout: '\u00001\n\u00000\n1\u00000\n',
    stderr: /^kv: key not found: missing \(KV_NOT_FOUND\)\n$/,
  })
})

/** Values that are hard to pass on; no NUL, which no shell variable holds. */
const HARD = ['', 'plain', `'single' "double"`, '$HOME `x` !y \\', 'two\nlines\n', '\u0001\u001b\t', 'é 😀', '-5', '#']

// The lines of `kv repl --help`, as they stand there.
test.skipIf(!hasProgram('bash'))('bash has one as a coprocess: as the help shows', { timeout: 60_000 }, async () => {
  const { stdout } = await kv(['repl', '--help'])
  const help = /^ {2}(coproc KV[^]*?\n {2}})\n/m.exec(stdout.toString())![1]!
  const script = `${help}
    while IFS= read -r -d '' value; do
      ask "put --key-encoding utf8 k -- \${value@Q}" || exit
      ask get k || exit
      printf '%s\\0' "$answer"
    done
    ask get missing; echo "missing: $?" >&2
    exec {KV[1]}>&-; wait; echo "ended: $?" >&2`
  for (const locale of ['C', 'C.UTF-8']) {
    const run = await bash(script, { LC_ALL: locale, KV_STORE: await givenStore() }, HARD.map((v) => `${v}\0`).join(''))
    expect(run.stdout.toString().split('\0').slice(0, -1)).toEqual(HARD)
    expect(run.stderr).toBe('kv: key not found: missing (KV_NOT_FOUND)\nmissing: 1\nended: 0\n')
  }
})

test.skipIf(!hasProgram('python3'))('Python has one through subprocess', async () => {
  const script = `
import os, shlex, subprocess, sys
kv = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def ask(*words):
    kv.stdin.write((shlex.join(words) + "\\n").encode()); kv.stdin.flush()
    out = b""
    while (byte := kv.stdout.read(1)) != b"\\0": out += byte
    return out.decode(), int(kv.stdout.readline())
for value in os.environ["VALUES"].split("\\x1f"):
    assert ask("put", "k", "--", value) == ("", 0), value
    assert ask("get", "k") == (value, 0), value
assert ask("get", "missing") == ("", 1)
kv.stdin.close()
sys.exit(kv.wait())
`
  const child = spawn('python3', ['-c', script, process.execPath, BIN, 'repl', '--status'], {
    env: environment({ KV_STORE: await givenStore(), VALUES: HARD.join('\u001f'), PYTHONUTF8: '1' }),
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(await ended(child)).toMatchObject({ code: 0, stderr: 'kv: key not found: missing (KV_NOT_FOUND)\n' })
})

/** Runs a script of bash in which `kv` is the program under test. */
function bash(script: string, env: Readonly<Record<string, string>>, input: string): ReturnType<typeof ended> {
  const child = spawn('bash', ['-c', `kv() { '${process.execPath}' '${BIN}' "$@"; }\n${script}`], {
    env: environment(env),
    cwd: tempDir(),
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.end(input)
  return ended(child)
}
