import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { KvError, reasonOf } from './errors.ts'
import { type Io, ReaderGone, type Sink } from './io.ts'

/**
 * The exit code of a program, as a shell tells it: 128 and more for a signal. Throws `KV_USAGE`, with the hint for a
 * program that is not there, when it could not be started.
 */
export function exitOf(child: ChildProcess, hint?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => {
      // Node tells so, too, of a signal that could not be sent.
      if (child.pid === undefined) reject(cannotRun(child.spawnfile, cause, hint))
    })
    // 130 is what the user stopped.
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/** The error of a program that could not be started; the hint is for one that is not there. */
export function cannotRun(program: string, cause: unknown, hint?: string): KvError {
  const { code } = cause as NodeJS.ErrnoException
  const reason = code === 'E2BIG' ? 'the line is too long for a program' : reasonOf(cause)
  return new KvError('KV_USAGE', `cannot run ${program}: ${reason}`, {
    cause,
    hint: code === 'ENOENT' || code === 'EACCES' ? hint : undefined,
  })
}

/** Where a program is started: the streams of the process, and whether a session has them. */
interface Place {
  readonly io: Io
  readonly inSession: boolean
}

/** What a program is started with. */
export interface ProgramOptions {
  /** All of its standard input. Default: that of this process, and none in a session. */
  readonly input?: Uint8Array
  /** Its environment. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A program that a command runs. */
export interface RunningProgram {
  /**
   * Settles to the exit code, 128 and more for a signal, when all that it prints is written. Throws `KV_USAGE` when it
   * could not be started.
   */
  readonly ended: Promise<number>
  /** Sends a signal, unless a terminal has sent it already, as it does a Ctrl-C. */
  pass(signal: NodeJS.Signals): void
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts a program with the streams of this process; in a session it has pipes, for the session prints itself and keeps
 * the keyboard. Throws `KV_USAGE` when it cannot be started.
 */
export function startProgram(
  { inSession, io }: Place,
  program: string,
  args: readonly string[],
  { input, env = io.env }: ProgramOptions = {},
): RunningProgram {
  const child = spawned(program, args, env, [
    input !== undefined ? 'pipe' : inSession ? 'ignore' : 'inherit',
    inSession ? 'pipe' : 'inherit',
    inSession ? 'pipe' : 'inherit',
  ])
  const ended = exitOf(child)
  if (input !== undefined) {
    // It may end without reading its input.
    child.stdin!.on('error', () => {})
    child.stdin!.end(input)
  }
  const isTold = !inSession && (io.stdin.isTTY || io.stderr.isTTY)
  return {
    ended: Promise.all([ended, handOn(child.stdout, io.stdout), handOn(child.stderr, io.stderr)]).then(
      ([code]) => code,
    ),
    pass(signal) {
      if (!(isTold && signal === 'SIGINT')) child.kill(signal)
    },
    kill(signal) {
      child.kill(signal)
    },
  }
}

function spawned(
  program: string,
  args: readonly string[],
  env: ProgramOptions['env'],
  stdio: ('pipe' | 'ignore' | 'inherit')[],
): ChildProcess {
  try {
    return spawn(program, args, { stdio, env: env as NodeJS.ProcessEnv })
  } catch (cause) {
    throw cannotRun(program, cause)
  }
}

/** Hands on what a program prints into a pipe, as it comes; nothing where there is no pipe or no stream for it. */
export async function handOn(from: Readable | null, to: Sink | undefined): Promise<void> {
  if (from === null || to === undefined) return
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      to.write(chunk)
      await to.drained?.()
    }
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error
  }
}
