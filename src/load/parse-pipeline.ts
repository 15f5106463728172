import { Worker } from 'node:worker_threads'
import { pause } from '../async.ts'
import { threadScript } from '../code-folder.ts'
import { KvError } from '../errors.ts'
import { BLOCK_BYTES, type BlockParser, type ParseOptions, type Parsed } from './block-parser.ts'
import type { FromWorker, ToWorker } from './parse-worker.ts'

/**
 * Inputs of so many bytes and more are parsed in a thread of their own, which takes 20 ms to start. No first block is
 * smaller, so that the other thread takes over before anything was parsed here.
 */
const INLINE_BYTES = 1 << 20

/** Blocks given to the worker and not yet stored: one being stored and one being filled. */
const MAX_AHEAD = 2

/**
 * Bytes of a message to the worker. The buffers come back and are used again: the other thread would collect them
 * only once it is short of memory.
 */
const MESSAGE_BYTES = 1 << 20

/** Messages on their way to the worker at a time: the whole next block, for it to parse while this thread stores. */
const MAX_MESSAGES = BLOCK_BYTES / MESSAGE_BYTES + 2

/** How long a pause of the input is taken for its pace when it is read ahead, in milliseconds. */
const AHEAD_MS = 5

/**
 * Parses one input, in this thread while it is small and in another when it is not, and hands over what it comes to,
 * in order. What is handed over must be given back with `stored`.
 */
export class ParsePipeline {
  readonly #options: ParseOptions
  readonly #ready: Parsed[] = []
  /** The code of the other thread, where there is one. */
  readonly #script = threadScript('parse-worker')
  #inline: BlockParser | undefined
  #worker: Worker | undefined
  readonly #messages: Uint8Array[] = []
  #message: Uint8Array | undefined
  #messageLength = 0
  #sent = 0
  /** Results that are ready or being stored. */
  #handedOver = 0
  #closed = false
  #given = 0
  /** Size of the blocks that come now. */
  #blockBytes = BLOCK_BYTES
  #stored = 0
  #wasCut = false
  #lastCut = { final: false, last: false }
  #waitingSince = 0
  #onRoom = (): void => {}
  #isReading = false
  /** Why the file could not be read to its end. */
  unreadable: string | undefined

  /** What went wrong, other than a bad record. */
  failure: unknown
  /** Makes {@link next} look again. */
  wake = (): void => {}

  /** @param inline parses in this thread as long as the input is small */
  constructor(options: ParseOptions, inline: BlockParser) {
    this.#options = options
    this.#inline = inline
  }

  /** The next result; `undefined` when there is none yet and `stop` is aborted. Throws the {@link failure}. */
  async next(stop: AbortSignal): Promise<Parsed | undefined> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const parsed = this.#ready.shift()
      if (parsed !== undefined || stop.aborted) return parsed
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  /** Ends everything with an error. */
  fail(error: unknown): void {
    this.failure ??= error
    this.wake()
  }

  /** Whether nothing is ready, nor being stored, and more input is waited for. */
  get isIdle(): boolean {
    return this.#handedOver === 0 && !this.#isReading && this.#hasRoom()
  }

  /** Takes a chunk of input. Settles when it is free again and there is room for more. */
  async push(chunk: Uint8Array): Promise<void> {
    if (this.#given === this.#stored) this.#waitingSince = performance.now()
    this.#given += chunk.length
    const isLarge = this.#inline !== undefined && this.#inline.waiting + chunk.length >= INLINE_BYTES
    if (isLarge && !this.#wasCut && this.#script !== undefined) this.#startWorker()
    if (this.#inline === undefined) this.#send(chunk)
    else await this.#parseHere(this.#inline, chunk)
    await this.#room()
  }

  /** Parses a chunk in this thread, a block at a time. */
  async #parseHere(parser: BlockParser, chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length && this.failure === undefined && !this.#closed;) {
      this.#parse(() => {
        const { bytes, full } = parser.take(chunk.subarray(at))
        at += bytes
        return full
      })
      await this.#room()
    }
  }

  async #room(): Promise<void> {
    while (!this.#hasRoom()) await new Promise<void>((resolve) => (this.#onRoom = resolve))
  }

  /** Takes a whole file by its descriptor, if so many bytes are worth a thread; nothing may be pushed besides. */
  takeFile(fd: number, size: number): boolean {
    if (size < INLINE_BYTES || this.#script === undefined) return false
    this.#isReading = true
    this.#startWorker()
    this.#post({ type: 'read', fd })
    return true
  }

  /**
   * Settles when as much as there is room for has been read, or the input pauses: storing holds this thread, and the
   * worker should have its next block by then.
   */
  async readAhead(): Promise<void> {
    for (let given = -1; this.#worker !== undefined && !this.#isReading && this.#hasRoom() && given !== this.#given;) {
      given = this.#given
      await pause(AHEAD_MS)
    }
  }

  /** Bytes that nothing has been handed over for yet, and since when, in `performance.now()` time. */
  get waiting(): { bytes: number; since: number } {
    return { bytes: this.#isReading ? 0 : this.#given - this.#stored, since: this.#waitingSince }
  }

  /** Hands over the whole records that are there, at the end of input everything. With `last`, nothing follows. */
  cut(final: boolean, last: boolean = final): void {
    this.#wasCut = true
    this.#lastCut = { final, last }
    const inline = this.#inline
    if (inline !== undefined) this.#parse(() => inline.cut(final, last))
    else {
      this.#flush()
      this.#post({ type: 'cut', final, last })
    }
  }

  /** Says that something handed over has been stored: its buffer is free. */
  stored({ inputBytes, block, more }: Parsed): void {
    this.#stored += inputBytes
    this.#handedOver--
    this.#blockBytes = Math.max(this.#blockBytes, block.bytes.length)
    this.#waitingSince = performance.now()
    const buffer = block.bytes.length >= BLOCK_BYTES ? block.bytes : undefined
    if (this.#inline !== undefined) this.#inline.recycle(block.bytes)
    else this.#post({ type: 'stored', buffer }, buffer)
    if (more && this.#inline !== undefined) this.cut(this.#lastCut.final, this.#lastCut.last)
    this.#release()
  }

  /** Ends the worker, if there is one. */
  async close(): Promise<void> {
    this.#closed = true
    this.#release()
    await this.#worker?.terminate()
  }

  #take(parsed: Parsed): void {
    this.#handedOver++
    this.#ready.push(parsed)
    this.wake()
  }

  #parse(step: () => Parsed | undefined): void {
    try {
      const parsed = step()
      if (parsed !== undefined) this.#take(parsed)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Collects input in messages, which go out full: a pipe gives 64 KiB at a time. */
  #send(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      this.#message ??= this.#messages.pop() ?? new Uint8Array(MESSAGE_BYTES)
      const part = chunk.subarray(at, at + MESSAGE_BYTES - this.#messageLength)
      this.#message.set(part, this.#messageLength)
      this.#messageLength += part.length
      at += part.length
      if (this.#messageLength === MESSAGE_BYTES) this.#flush()
    }
  }

  #flush(): void {
    const buffer = this.#message
    if (buffer === undefined) return
    this.#post({ type: 'data', buffer, length: this.#messageLength }, buffer)
    this.#sent++
    this.#message = undefined
    this.#messageLength = 0
  }

  #hasRoom(): boolean {
    // With nothing on its way, one record is longer than all that: it gets the room it needs.
    const isStuck = this.#sent === 0 && this.#handedOver === 0
    return (
      this.#closed ||
      (this.#sent < MAX_MESSAGES &&
        (isStuck || this.#given - this.#stored <= MAX_AHEAD * this.#blockBytes) &&
        (this.#inline === undefined || this.#handedOver < MAX_AHEAD))
    )
  }

  #release(): void {
    if (this.#hasRoom()) this.#onRoom()
  }

  #startWorker(): void {
    const worker = new Worker(this.#script!, { workerData: this.#options })
    worker.on('message', (message: FromWorker) => {
      if (message instanceof Uint8Array) {
        this.#messages.push(message)
        this.#sent--
        this.#release()
      } else if ('unreadable' in message) {
        this.unreadable = message.unreadable
      } else if ('failed' in message) {
        this.fail(new KvError(message.failed.code, message.failed.message))
      } else {
        this.#take(message)
      }
    })
    worker.on('error', (error) => this.fail(error))
    this.#worker = worker
    const waiting = this.#inline!.takeWaiting()
    this.#inline = undefined
    if (waiting.length > 0) this.#send(waiting)
  }

  #post(message: ToWorker, moved?: Uint8Array): void {
    this.#worker!.postMessage(message, moved === undefined ? [] : [moved.buffer as ArrayBuffer])
  }
}
