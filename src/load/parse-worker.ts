/** The thread that parses and sorts while the main thread stores. It is started with {@link ParseOptions}. */
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type Code, KvError, reasonOf } from '../errors.ts'
import { BlockParser, type ParseOptions, type Parsed } from './block-parser.ts'

/** What the main thread tells the worker. */
export type ToWorker =
  | { readonly type: 'data'; readonly buffer: Uint8Array; readonly length: number }
  | { readonly type: 'cut'; readonly final: boolean; readonly last: boolean }
  | { readonly type: 'read'; readonly fd: number }
  // With the buffer of the block that was stored, where it is worth using again.
  | { readonly type: 'stored'; readonly buffer?: Uint8Array | undefined }

/** What the worker answers: a result, the buffer of a message, why the file ends here, or what else went wrong. */
export type FromWorker =
  | Parsed
  | Uint8Array
  | { readonly unreadable: string }
  | { readonly failed: { readonly code: Code; readonly message: string } }

/** Bytes of one read of a file. */
const READ_BYTES = 1 << 20

/** Blocks of a file that are read and not yet stored: one being stored and the next. */
const AHEAD = 2

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const send = (parsed: Parsed): void => {
  const { bytes, keyStart, keyLength, valueStart, valueLength, expires, deleted, checksums } = parsed.block
  const all = [bytes, keyStart, keyLength, valueStart, valueLength, checksums, expires, deleted]
  const arrays = all.filter((array) => array !== undefined)
  port.postMessage(parsed, [...new Set(arrays.map((array) => array.buffer as ArrayBuffer))])
}

let blockParser: BlockParser

/** A file this thread reads itself, as far ahead as there is room; `isWhole` once it was read to its end, or was not. */
let file: { readonly fd: number; position: number; ahead: number; isWhole?: boolean } | undefined

function readOn(): void {
  while (file !== undefined && file.ahead < AHEAD) {
    const parsed = blockParser.hasMore || file.isWhole !== undefined ? cutOn(file) : readSome(file)
    if (parsed === undefined) continue
    file.ahead++
    if (parsed.final) file = undefined
    send(parsed)
  }
}

/** Parses what is there of a file. */
function cutOn({ isWhole }: { isWhole?: boolean }): Parsed {
  return blockParser.cut(isWhole ?? false, isWhole !== undefined)
}

/** Reads more of a file; returns the block that became full by it. */
function readSome(from: NonNullable<typeof file>): Parsed | undefined {
  const room = blockParser.room(READ_BYTES)
  try {
    const bytes = readSync(from.fd, room, 0, Math.min(room.length, READ_BYTES), from.position)
    from.position += bytes
    if (bytes > 0) return blockParser.filled(bytes)
    from.isWhole = true
  } catch (error) {
    from.isWhole = false
    port!.postMessage({ unreadable: reasonOf(error) }, [])
  }
  return undefined
}

function take(message: ToWorker): void {
  switch (message.type) {
    case 'data':
      for (const parsed of blockParser.push(message.buffer.subarray(0, message.length))) send(parsed)
      port!.postMessage(message.buffer, [message.buffer.buffer as ArrayBuffer])
      break
    case 'cut':
      if (!blockParser.ended) send(blockParser.cut(message.final, message.last))
      break
    case 'read':
      file = { fd: message.fd, position: 0, ahead: 0 }
      readOn()
      break
    case 'stored':
      if (message.buffer !== undefined) blockParser.recycle(message.buffer)
      if (file !== undefined) file.ahead--
      readOn()
  }
}

// What is sent before waits for the listener.
void BlockParser.of(workerData as ParseOptions).then((made) => {
  blockParser = made
  port.on('message', (message: ToWorker) => {
    try {
      take(message)
    } catch (error) {
      // The class of an error does not get through to the other thread.
      if (!(error instanceof KvError)) throw error
      file = undefined
      port.postMessage({ failed: { code: error.code, message: error.message } }, [])
    }
  })
})
