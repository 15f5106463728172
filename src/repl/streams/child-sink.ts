import type { ChildProcess } from 'node:child_process'
import { exitOf } from '../../child-process.ts'
import { ReaderGone, type Sink } from '../../io.ts'

/** The hint when the user's shell is not there. */
export const NO_SHELL = 'the variable SHELL names it: SHELL=/bin/sh kv'

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
    this.#exit = exitOf(child, NO_SHELL)
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
