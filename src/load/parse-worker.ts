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

/** Blocks that are parsed and not yet stored: one being stored and the next. */
const AHEAD = 2

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const send = (parsed: Parsed): void => {
  const { bytes, keyStart, keyLength, valueStart, valueLength, expires, deleted, order, checksums } = parsed.block
  const all = [bytes, keyStart, keyLength, valueStart, valueLength, checksums, expires, deleted, order]
  const arrays = all.filter((array) => array !== undefined)
  port.postMessage(parsed, [...new Set(arrays.map((array) => array.buffer as ArrayBuffer))])
}

let blockParser: BlockParser

/** Blocks sent and not yet stored. */
let ahead = 0

/** A file this thread reads itself; `isWhole` once it was read to its end, or was not. */
let file: { readonly fd: number; position: number; isWhole?: boolean } | undefined

/** What came otherwise and is not parsed yet, and how many bytes of the first are. */
const waiting: Exclude<ToWorker, { type: 'read' | 'stored' }>[] = []
let taken = 0

/** Parses as far ahead as there is room. */
function goOn(): void {
  while (ahead < AHEAD && (file !== undefined || waiting.length > 0)) {
    const parsed = file === undefined ? takeSome(waiting[0]!) : readOn(file)
    if (parsed === undefined) continue
    ahead++
    if (parsed.final) file = undefined
    send(parsed)
  }
}

/** Goes on with what came first of all that waits; returns the block that became full by it, or was asked for. */
function takeSome(message: (typeof waiting)[number]): Parsed | undefined {
  if (message.type === 'cut') {
    const parsed = blockParser.ended ? undefined : blockParser.cut(message.final, message.last)
    if (!blockParser.hasMore) waiting.shift()
    return parsed
  }
  const { buffer, length } = message
  const { bytes, full } = blockParser.take(buffer.subarray(taken, length))
  taken += bytes
  if (taken === length) {
    waiting.shift()
    taken = 0
    port!.postMessage(buffer, [buffer.buffer as ArrayBuffer])
  }
  return full
}

function readOn(from: NonNullable<typeof file>): Parsed | undefined {
  return blockParser.hasMore || from.isWhole !== undefined ? cutOn(from) : readSome(from)
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
    case 'cut':
      waiting.push(message)
      break
    case 'read':
      file = { fd: message.fd, position: 0 }
      break
    case 'stored':
      if (message.buffer !== undefined) blockParser.recycle(message.buffer)
      ahead--
  }
  goOn()
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
