import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { Assembler, BLOCK_BYTES, type ParseOptions, type Parsed } from './assembler.ts'
import type { ToWorker } from './load-worker.ts'

/** Inputs beyond this are parsed in a thread of their own, which takes 20 ms to start. */
const INLINE_BYTES = 1 << 20

/** Bytes given to the worker and not yet stored: two blocks on their way and one being filled. */
const MAX_AHEAD = 3 * BLOCK_BYTES

/**
 * Parses one input, in this thread while it is small and in another when it is not, and hands over
 * what it comes to, in order. What is handed over must be given back with `stored`.
 */
export class Feed {
  readonly #options: ParseOptions
  readonly #take: (parsed: Parsed) => void
  readonly #fail: (error: unknown) => void
  #inline: Assembler | undefined
  #worker: Worker | undefined
  #given = 0
  #stored = 0
  #wasCut = false
  #waitingSince = 0
  #room: (() => void) | undefined

  constructor(options: ParseOptions, take: (parsed: Parsed) => void, fail: (error: unknown) => void) {
    this.#options = options
    this.#take = take
    this.#fail = fail
    this.#inline = new Assembler(options)
  }

  /** Takes a chunk of input, which the feed owns from then on. Settles when there is room for more. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.#given === this.#stored) this.#waitingSince = performance.now()
    this.#given += chunk.length
    if (this.#inline !== undefined && !this.#wasCut && this.#inline.waiting + chunk.length > INLINE_BYTES) this.#startWorker()
    if (this.#inline !== undefined) {
      for (const parsed of this.#inline.push(chunk)) this.#take(parsed)
    } else {
      // A small chunk may be a view of a pool of Node's, which cannot leave this thread.
      const own = chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk)
      this.#post({ type: 'data', chunk: own }, own.buffer as ArrayBuffer)
    }
    if (this.#given - this.#stored > MAX_AHEAD) await new Promise<void>((resolve) => (this.#room = resolve))
  }

  /** Bytes that nothing has been handed over for yet, and since when, in `performance.now()` time. */
  get waiting(): { bytes: number; since: number } {
    return { bytes: this.#given - this.#stored, since: this.#waitingSince }
  }

  /** Hands over what is there, at the end of input everything. */
  cut(final: boolean): void {
    this.#wasCut = true
    if (this.#inline !== undefined) this.#take(this.#inline.cut(final))
    else this.#post({ type: 'cut', final })
  }

  /** Says that something handed over has been stored: its buffer is free. */
  stored({ inputBytes, block }: Parsed): void {
    this.#stored += inputBytes
    this.#waitingSince = performance.now()
    if (this.#inline !== undefined) this.#inline.recycle(block.bytes)
    else if (block.bytes.length === BLOCK_BYTES) this.#post({ type: 'recycle', buffer: block.bytes }, block.bytes.buffer as ArrayBuffer)
    if (this.#given - this.#stored <= MAX_AHEAD) this.#release()
  }

  /** Ends the worker, if there is one. */
  async close(): Promise<void> {
    this.#release()
    await this.#worker?.terminate()
  }

  #release(): void {
    this.#room?.()
    this.#room = undefined
  }

  #startWorker(): void {
    const worker = new Worker(join(__dirname, 'load-worker.cjs'))
    worker.on('message', (parsed: Parsed) => this.#take(parsed))
    worker.on('error', (error) => this.#fail(error))
    this.#worker = worker
    this.#post({ type: 'begin', options: this.#options })
    const waiting = this.#inline!.takeWaiting()
    this.#inline = undefined
    if (waiting.length > 0) this.#post({ type: 'data', chunk: waiting }, waiting.buffer as ArrayBuffer)
  }

  #post(message: ToWorker, transfer?: ArrayBuffer): void {
    this.#worker!.postMessage(message, transfer === undefined ? [] : [transfer])
  }
}
