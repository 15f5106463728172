import type { MessagePort } from 'node:worker_threads'
import type { Connection } from '../file/connection.ts'
import type { FromPacker, ToPacker } from './page.ts'
import { RangeCutter } from './range-cutter.ts'
import { RowPacker } from './row-packer.ts'

/** Bytes of pages that are made and not taken: more than is stored at once, while which no page is taken. */
const AHEAD_BYTES = 12 << 20

/** What a packing thread does: it reads a range page by page, so far ahead of whoever takes the pages. */
export class Packer {
  readonly #port: MessagePort
  readonly #connection: Connection
  readonly #rows = new RowPacker()
  #range: RangeCutter | undefined
  #now = 0
  #ahead = 0

  constructor(port: MessagePort, connection: Connection) {
    this.#port = port
    this.#connection = connection
  }

  /** Does what it is told. */
  receive(message: Exclude<ToPacker, 'close'>): void {
    if ('taken' in message) this.#ahead -= message.taken
    else {
      this.#range = new RangeCutter(this.#connection, {
        ...message.range,
        reverse: false,
        keysOnly: false,
        limit: Infinity,
      })
      this.#now = message.now
    }
    try {
      while (this.#range !== undefined && this.#ahead < AHEAD_BYTES) this.#next(this.#range)
    } catch {
      // The other thread meets the same error, and tells it.
      this.#range = undefined
      this.#send('failed')
    }
  }

  #next(range: RangeCutter): void {
    const page = range.cut()
    if (page === undefined) {
      this.#range = undefined
      return this.#send('end')
    }
    const rows = this.#rows.pack(this.#connection, page, this.#now)
    range.learn(rows.count, rows.bytes?.length)
    this.#ahead += rows.bytes?.length ?? 0
    this.#send({ ...rows, end: page.end }, [rows.bytes, rows.numbers])
  }

  /** Sends a message with its memory, of which no copy is made. */
  #send(message: FromPacker, memory: readonly (Uint8Array | undefined)[] = []): void {
    this.#port.postMessage(
      message,
      memory.flatMap((bytes) => (bytes === undefined ? [] : [bytes.buffer as ArrayBuffer])),
    )
  }
}
