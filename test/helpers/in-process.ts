import { closeSync, openSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Io, Sink } from '../../src/io.ts'
import type { Run } from './kv.ts'
import { tempDir } from './temp-dir.ts'

/** What the bundle of the command line gives to `bin/kv.cjs`. */
interface Program {
  main(argv: readonly string[], io: Io): Promise<number>
}

const { main } = createRequire(import.meta.url)('../../dist/cli/main.cjs') as Program

/** One run at a time has this process's working directory, and its `TMPDIR`. */
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs the built program in this process, as `kv ARGS < FILE` does where stdout and stderr are no terminals: some
 * 50 ms sooner than a process of its own. What is about the process (signals, pipes, exit) cannot be seen here.
 */
export function runInProcess(
  args: readonly string[],
  input: string | Uint8Array,
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Run> {
  const run = last.then(() => runAlone(args, input, env, cwd))
  last = run.catch(() => {})
  return run
}

async function runAlone(
  args: readonly string[],
  input: string | Uint8Array,
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Run> {
  const file = join(tempDir(), 'stdin')
  writeFileSync(file, input)
  const fd = openSync(file, 'r')
  const before = process.cwd()
  process.chdir(cwd)
  const temporary = process.env['TMPDIR']
  if (env['TMPDIR'] !== undefined) process.env['TMPDIR'] = env['TMPDIR']
  const out: Buffer[] = []
  const err: Buffer[] = []
  const columns = Number(/^[1-9]\d{0,4}$/.exec(env['COLUMNS'] ?? '')?.[0] ?? 80)
  try {
    const code = await main(args, {
      stdin: { isTTY: false, isNull: false, fd, readAll: () => Buffer.from(input) },
      stdout: sink(out, columns),
      stderr: sink(err, columns),
      env,
    })
    return { stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString(), code, signal: null }
  } finally {
    process.chdir(before)
    process.env['TMPDIR'] = temporary
    closeSync(fd)
  }
}

function sink(chunks: Buffer[], columns: number): Sink {
  return {
    isTTY: false,
    columns: () => columns,
    // What was written may change afterwards: a copy.
    write: (data) => void chunks.push(Buffer.from(data as string)),
    stream: () => {
      throw new Error('a run in this process has no streams')
    },
  }
}
