import type { Worker } from 'node:worker_threads'
import type { ConnectionOptions } from '../file/connection.ts'
import type { TextForm } from '../../../store/driver/text-form.ts'
import { threadScript } from '../../../code-folder.ts'
import type { FromWorker, PageText, ToWorker, WorkerData } from './page.ts'
import type { RangePart } from './range-cutter.ts'

/** Pages the thread has at a time: the one it makes, and the next. */
const PAGES = 2

/** A thread that makes pages of text on a connection of its own; ready only if it got the same snapshot. */
export class ExportThread {
  readonly #worker: Worker
  readonly #waiting: ((made: PageText | undefined) => void)[] = []
  #state: 'starting' | 'ready' | 'useless' = 'starting'
  #hasExited = false

  /** @param sameSnapshot tells, once the thread's snapshot stands, whether it is the wanted one */
  constructor(worker: Worker, sameSnapshot: () => boolean) {
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      if (message !== 'ready') this.#waiting.shift()?.(message)
      else if (this.#state === 'starting') this.#state = sameSnapshot() ? 'ready' : 'useless'
    })
    worker.on('error', () => this.#end())
    worker.on('exit', () => {
      this.#hasExited = true
      this.#end()
    })
    // Whoever leaves the range closes it; until then it must not keep the process.
    worker.unref()
  }

  /** Whether it is not known yet if the thread can be used. */
  get isStarting(): boolean {
    return this.#state === 'starting'
  }

  /** Whether pages can be given to it at all. */
  get isReady(): boolean {
    return this.#state === 'ready'
  }

  /** Whether it can take a page now. */
  get hasRoom(): boolean {
    return this.isReady && this.#waiting.length < PAGES
  }

  /** The text of a page; `undefined` when the thread could not make it, for any reason: the caller makes it then. */
  make(page: RangePart, now: number): Promise<PageText | undefined> {
    this.#worker.ref()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#worker.postMessage({ page, now } satisfies ToWorker, [])
    })
  }

  /** Ends the thread, after the page it is at: an addon stopped in the middle ends the process. */
  async close(): Promise<void> {
    this.#end()
    if (this.#hasExited) return
    this.#worker.ref()
    this.#worker.postMessage('close' satisfies ToWorker, [])
    await new Promise((resolve) => this.#worker.once('exit', resolve))
  }

  #end(): void {
    this.#state = 'useless'
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }
}

/** Starts a thread for the store at `path`; `undefined` in a bundled program, which has no file for the thread. */
export function startExportThread(
  path: string,
  options: ConnectionOptions,
  form: TextForm,
  sameSnapshot: () => boolean,
): ExportThread | undefined {
  const worker = startWorker({ path, options, form })
  return worker && new ExportThread(worker, sameSnapshot)
}

/** Starts the thread's code; `undefined` in a bundled program, which has no file for it. */
export function startWorker(workerData: WorkerData): Worker | undefined {
  const script = threadScript('export-worker')
  if (script === undefined) return undefined
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  // With streams of its own, or the thread would set the descriptors of this process to non-blocking.
  return new Worker(script, { workerData, stdin: false, stdout: true, stderr: true })
}
