import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { KvError, reasonOf } from '../../errors.ts'
import { ReaderGone, type Sink } from '../../io.ts'

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
    this.#exit = exitOf(child)
    // Seen by who waits for the end.
    this.#exit.catch(() => {})
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

  /**
   * Ends the child's input and waits for it to end; resolves to its exit code. Throws `KV_USAGE` when it could not be
   * started.
   */
  async end(): Promise<number> {
    this.#child.stdin!.end()
    return this.#exit
  }
}

/** The exit code of a program, as a shell tells it. Throws `KV_USAGE` when it could not be started. */
export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(cannotRun(child.spawnfile, cause)))
    // 130 is what the user stopped.
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/** The error of a program that could not be started. */
export function cannotRun(shell: string, cause: unknown): KvError {
  const { code } = cause as NodeJS.ErrnoException
  const reason = code === 'E2BIG' ? 'the line is too long for a program' : reasonOf(cause)
  const hint = code === 'ENOENT' || code === 'EACCES' ? 'the variable SHELL names it: SHELL=/bin/sh kv' : undefined
  return new KvError('KV_USAGE', `cannot run ${shell}: ${reason}`, { cause, hint })
}
