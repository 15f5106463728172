import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { KvError, usageError } from '../errors.ts'
import { ReaderGone, type Sink, type Source } from '../io.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Where the data of one command go, and what to wait for at its end. */
export interface Streams {
  readonly sink: Sink
  /** Settles when the reader has got everything; to its exit code where it has one. */
  end(): Promise<number | undefined>
  /** Milliseconds that the command waited for its reader so far. */
  readonly waitedMs?: number
}

/** A sink into a child process. */
export class ChildSink implements Sink {
  readonly isTTY: boolean
  readonly #child: ChildProcess
  readonly #columns: () => number
  readonly #exit: Promise<number>
  #gone = false
  /** Milliseconds spent waiting for the child to read. */
  waitedMs = 0

  /** @param child reads from a pipe */
  constructor(child: ChildProcess, { isTTY = false, columns = (): number => 80 } = {}) {
    this.#child = child
    this.isTTY = isTTY
    this.#columns = columns
    child.stdin!.on('error', () => (this.#gone = true))
    child.stdin!.on('close', () => (this.#gone = true))
    this.#exit = new Promise((resolve) => {
      child.on('error', () => resolve(127))
      child.on('exit', (code) => resolve(code ?? 130))
    })
  }

  columns(): number {
    return this.#columns()
  }

  write(data: string | Uint8Array): void {
    if (this.#gone) throw new ReaderGone()
    // A copy, since the writer may use its buffer again before the child has read it.
    this.#child.stdin!.write(typeof data === 'string' ? data : Buffer.from(data))
  }

  stream(): NodeJS.WriteStream {
    return this.#child.stdin as NodeJS.WriteStream
  }

  async drained(): Promise<void> {
    const stdin = this.#child.stdin!
    if (this.#gone || !stdin.writableNeedDrain) return
    const began = performance.now()
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdin.off('drain', done).off('close', done)
        resolve()
      }
      stdin.on('drain', done).on('close', done)
    })
    this.waitedMs += performance.now() - began
  }

  /** Ends the child's input and waits for it to end; resolves to its exit code. */
  async end(): Promise<number> {
    this.#child.stdin!.end()
    return this.#exit
  }
}

/** Sends data through the user's shell: `rest` is what the user wrote from `|` or `>` on. */
export function openStreams(rest: string, env: Env): Streams {
  const shell = env['SHELL'] || '/bin/sh'
  const child = spawn(shell, ['-c', `cat ${rest}`], { stdio: ['pipe', 'inherit', 'inherit'] })
  const sink = new ChildSink(child)
  return {
    sink,
    end: () => sink.end(),
    get waitedMs() {
      return sink.waitedMs
    },
  }
}

/** Runs a command of the user's shell on the terminal; resolves to its exit code. */
export async function runShell(command: string, env: Env): Promise<number> {
  const child = spawn(env['SHELL'] || '/bin/sh', ['-c', command], { stdio: 'inherit' })
  return new Promise((resolve) => {
    child.on('error', () => resolve(127))
    child.on('exit', (code) => resolve(code ?? 130))
  })
}

/** Standard input from `< FILE`. Throws `KV_USAGE` when it cannot be read. */
export function openSource(path: string): Source & { close(): void } {
  try {
    const fd = openSync(path, 'r')
    return { isTTY: false, fd, readAll: () => readFileSync(fd), close: () => closeSync(fd) }
  } catch (cause) {
    throw new KvError('KV_USAGE', `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (cause as Error).message}`, { cause })
  }
}

/** The standard input of a command that has none; `why` tells the user. */
export function noSource(why: string, hint: string): Source {
  return {
    isTTY: false,
    fd: -1,
    readAll() {
      throw new KvError('KV_USAGE', why, { hint })
    },
  }
}

/** Refuses what reads keys, where there are none. */
export async function noKeyboard(): Promise<never> {
  throw usageError('nobody can be asked here')
}
