/** The thread that parses and sorts while the main thread stores. */
import { parentPort } from 'node:worker_threads'
import { Assembler, type ParseOptions, type Parsed } from './assembler.ts'

/** What the main thread tells the worker. */
export type ToWorker =
  | { readonly type: 'begin'; readonly options: ParseOptions }
  | { readonly type: 'data'; readonly buffer: Uint8Array; readonly length: number }
  | { readonly type: 'cut'; readonly final: boolean; readonly last: boolean }
  | { readonly type: 'recycle'; readonly buffer: Uint8Array }

/** What the worker answers: the result of a stretch of input, or the buffer of a message, free again. */
export type FromWorker = Parsed | Uint8Array

const port = parentPort
if (port === null) throw new Error('not a worker thread')

let assembler: Assembler | undefined
const send = (parsed: Parsed): void => {
  const { bytes, keyStart, keyLength, valueStart, valueLength, expires, checksums } = parsed.block
  const arrays = [bytes, keyStart, keyLength, valueStart, valueLength, checksums, ...(expires ? [expires] : [])]
  port.postMessage(parsed, [...new Set(arrays.map((array) => array.buffer as ArrayBuffer))])
}

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'begin':
      assembler = new Assembler(message.options)
      break
    case 'data':
      for (const parsed of assembler!.push(message.buffer.subarray(0, message.length))) send(parsed)
      port.postMessage(message.buffer, [message.buffer.buffer as ArrayBuffer])
      break
    case 'cut':
      if (!assembler!.ended) send(assembler!.cut(message.final, message.last))
      break
    case 'recycle':
      assembler!.recycle(message.buffer)
  }
})
