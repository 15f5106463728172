import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { ConnectionOptions } from '../file/connection.ts'
import { codeFolder } from '../../../code-folder.ts'
import type { FromWorker, PageMaker, PageText, TextPage, ToWorker, WorkerData } from './page.ts'

/** Pages the thread has at a time: the one it makes, and the next. */
const PAGES = 2

/**
 * Where the build puts the thread's code: beside the command line's, from there, from the library, and from the
 * sources.
 */
const WORKER_FOLDERS = ['.', '../cli', '../../../../dist/cli']

/**
 * A thread that makes pages of JSON Lines on a connection of its own. It is ready when its snapshot
 * stands and proves to be that of who started it, and never when something was committed in between.
 */
export class ExportThread implements PageMaker {
  readonly #worker: Worker
  readonly #waiting: ((made: PageText | undefined) => void)[] = []
  #isStarting = true
  #isReady = false
  #isOver = false
  #hasExited = false

  /** @param sameSnapshot tells, once the thread's snapshot stands, whether it is the wanted one */
  constructor(worker: Worker, sameSnapshot: () => boolean) {
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      this.#isStarting = false
      if (message === 'ready') this.#isReady = !this.#isOver && sameSnapshot()
      else this.#waiting.shift()?.(message)
    })
    worker.on('error', () => this.#end())
    worker.on('exit', () => {
      this.#hasExited = true
      this.#end()
    })
    // Whoever leaves the range closes it; until then it must not keep the process.
    worker.unref()
  }

  /** Whether the thread has not come so far that it could say whether it is of use. */
  get isStarting(): boolean {
    return this.#isStarting
  }

  /** Whether pages can be given to it at all. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Whether it can take a page now. */
  get hasRoom(): boolean {
    return this.#isReady && this.#waiting.length < PAGES
  }

  /**
   * What comes of a page; `undefined` when the thread could not make it, for whatever reason: the caller will find
   * out.
   */
  make(page: TextPage, now: number): Promise<PageText | undefined> {
    this.#worker.ref()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#worker.postMessage({ page, now } satisfies ToWorker, [])
    })
  }

  /**
   * Ends the thread and its snapshot. Settles when both are gone: it finishes the page it is at, since an addon
   * stopped in the middle ends the process.
   */
  async close(): Promise<void> {
    this.#end()
    if (this.#hasExited) return
    this.#worker.ref()
    this.#worker.postMessage('close' satisfies ToWorker, [])
    await new Promise((resolve) => this.#worker.once('exit', resolve))
  }

  #end(): void {
    this.#isOver = true
    this.#isStarting = false
    this.#isReady = false
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }
}

/**
 * Starts a thread for the store at `path`; see {@link ExportThread}. `undefined` in a bundled program, which has
 * no file for the thread.
 */
export function startExportThread(
  path: string,
  options: ConnectionOptions,
  sameSnapshot: () => boolean,
): ExportThread | undefined {
  const script = WORKER_FOLDERS.map((folder) => join(codeFolder(), folder, 'export-worker.cjs')).find((file) =>
    existsSync(file),
  )
  if (script === undefined) return undefined
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  const workerData: WorkerData = { path, options }
  // With streams of its own, or the thread would set the descriptors of this process to non-blocking.
  return new ExportThread(new Worker(script, { workerData, stdin: false, stdout: true, stderr: true }), sameSnapshot)
}
