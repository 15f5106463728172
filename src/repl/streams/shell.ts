import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { CODES } from '../../errors.ts'
import type { Sink } from '../../io.ts'
import type { Env } from '../../cli/environment.ts'
import { cannotRun, exitOf, handOn } from '../../child-process.ts'
import { ChildSink, NO_SHELL } from './child-sink.ts'
import type { Streams } from './streams.ts'

/** What a program of the user's shell works with. */
export interface ProgramOptions {
  readonly env: Env
  /** Takes what the program prints; `undefined`: it has the session's own standard output. */
  readonly stdout: Sink | undefined
  /** Aborted when the user stops the line. */
  readonly signal: AbortSignal
}

/**
 * Sends data through the user's shell: `rest` is the redirections and all from `|` on. The shell starts with the first
 * data, or at the end; never for a command that was a wrong call, so that `> FILE` leaves the file as it is.
 */
export function shellStreams(rest: string, options: ProgramOptions): Streams {
  let started: { readonly input: ChildSink; readonly printed: Promise<void> } | undefined
  const start = (): NonNullable<typeof started> => {
    if (started === undefined) {
      const child = startShell(`cat ${rest}`, 'pipe', options)
      started = { input: new ChildSink(child), printed: handOn(child.stdout, options.stdout) }
      started.printed.catch(() => {})
    }
    return started
  }
  return {
    sink: {
      isTTY: false,
      columns: () => 80,
      write: (data) => start().input.write(data),
      stream: () => start().input.stream(),
      drained: async () => started?.input.drained(),
    },
    get waitedMs() {
      return started?.input.waitedMs ?? 0
    },
    async end(code) {
      if (started === undefined && code === CODES.KV_USAGE.exit) return undefined
      const { input, printed } = start()
      const [exit] = await Promise.all([input.end(), printed])
      return exit
    },
  }
}

/**
 * Runs a command of the user's shell; resolves to its exit code. With `stdin` false it reads nothing,
 * not even the script that it is a line of. Throws `KV_USAGE` when the shell cannot be started.
 */
export async function runShell(
  command: string,
  { stdin, ...options }: ProgramOptions & { readonly stdin: boolean },
): Promise<number> {
  const child = startShell(command, stdin ? 'inherit' : 'ignore', options)
  const [exit] = await Promise.all([exitOf(child, NO_SHELL), handOn(child.stdout, options.stdout)])
  return exit
}

function startShell(
  command: string,
  stdin: 'pipe' | 'inherit' | 'ignore',
  { env, stdout, signal }: ProgramOptions,
): ChildProcess {
  const shell = env['SHELL'] || '/bin/sh'
  const stdio: StdioOptions = [stdin, stdout === undefined ? 'inherit' : 'pipe', 'inherit']
  let child: ChildProcess
  try {
    child = spawn(shell, ['-c', command], { stdio, env: env as NodeJS.ProcessEnv })
  } catch (cause) {
    throw cannotRun(shell, cause, NO_SHELL)
  }
  // What happens where not even a pipe could be made.
  if (stdin === 'pipe' && child.stdin === null) throw cannotRun(shell, new Error('too many open files'))
  // Ctrl-C that came before the shell was there has not reached it; of that the process is told a turn later.
  setImmediate(() => setImmediate(() => signal.aborted && child.kill('SIGINT')))
  return child
}
