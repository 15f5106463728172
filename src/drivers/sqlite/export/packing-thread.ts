import type { Worker } from 'node:worker_threads'
import type { ConnectionOptions } from '../file/connection.ts'
import { startWorker } from './export-thread.ts'
import type { FromPacker, PackedPage, ToPacker } from './page.ts'
import type { RangePart } from './range-cutter.ts'

/** A thread that reads a range ahead on a connection of its own; ready only if it got the same snapshot. */
export class PackingThread {
  readonly #worker: Worker
  readonly #pages: PackedPage[] = []
  #state: 'starting' | 'ready' | 'useless' = 'starting'
  #isAtEnd = false
  #hasExited = false
  #arrived = (): void => {}

  /** @param sameSnapshot tells, once the thread's snapshot stands, whether it is the wanted one */
  constructor(worker: Worker, sameSnapshot: () => boolean) {
    this.#worker = worker
    worker.on('message', (message: FromPacker) => {
      if (message === 'ready') {
        if (this.#state === 'starting') this.#state = sameSnapshot() ? 'ready' : 'useless'
      } else if (message === 'end') this.#isAtEnd = true
      else if (message === 'failed') this.#state = 'useless'
      else this.#pages.push(message)
      this.#arrived()
    })
    worker.on('error', () => this.#fail())
    worker.on('exit', () => {
      this.#hasExited = true
      this.#fail()
    })
    // Whoever leaves the range closes it; until then it must not keep the process.
    worker.unref()
  }

  /** Whether it is not known yet if the thread can be used. */
  get isStarting(): boolean {
    return this.#state === 'starting'
  }

  /** Whether a range can be given to it. */
  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** The pages of a range; `now` tells what has expired. Ends early where the thread cannot go on, for any reason: the caller does. */
  async *read(range: RangePart, now: number): AsyncGenerator<PackedPage, 'whole' | 'failed', void> {
    this.#worker.ref()
    this.#send({ range, now })
    for (;;) {
      const page = this.#pages.shift()
      if (page !== undefined) {
        yield page
        this.#send({ taken: page.bytes?.length ?? 0 })
      } else if (this.#isAtEnd) return 'whole'
      else if (!this.isReady) return 'failed'
      else await new Promise<void>((resolve) => void (this.#arrived = resolve))
    }
  }

  /** Ends the thread, after the pages it is at: an addon stopped in the middle ends the process. */
  async close(): Promise<void> {
    this.#state = 'useless'
    if (this.#hasExited) return
    this.#worker.ref()
    this.#send('close')
    await new Promise((resolve) => this.#worker.once('exit', resolve))
  }

  #send(message: ToPacker): void {
    this.#worker.postMessage(message, [])
  }

  #fail(): void {
    this.#state = 'useless'
    this.#arrived()
  }
}

/** Starts a thread for the store at `path`; `undefined` in a bundled program, which has no file for the thread. */
export function startPackingThread(
  path: string,
  options: ConnectionOptions,
  sameSnapshot: () => boolean,
): PackingThread | undefined {
  const worker = startWorker({ path, options, form: undefined })
  return worker && new PackingThread(worker, sameSnapshot)
}
