/** The thread that makes every second page of the text of a long export, or reads ahead what is copied. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { Connection } from '../file/connection.ts'
import { Packer } from './packer.ts'
import {
  type FromWorker,
  type PageText,
  type ToPacker,
  type ToWorker,
  type WorkerData,
  limitScanCache,
  makeText,
} from './page.ts'
import { RowText, type TextPart } from './row-text.ts'

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const { path, options, form } = workerData as WorkerData
const connection = new Connection(path, options)
connection.exec('begin')
limitScanCache(connection)
connection.fixSnapshot()

/** Makes text of a page. */
function makeAndSend(to: MessagePort, text: RowText, { page, now }: Exclude<ToWorker, 'close'>): void {
  let made: PageText | undefined
  try {
    made = makeText(connection, page, text, now)
  } catch {
    // The other thread meets the same error, and tells it.
  }
  to.postMessage(made satisfies FromWorker, buffersOf(made?.parts))
}

function buffersOf(parts: readonly TextPart[] = []): ArrayBuffer[] {
  const buffers = parts.map((part) => ('text' in part ? part.text : part.key).buffer as ArrayBuffer)
  return [...new Set(buffers)]
}

function end(): void {
  connection.rollback()
  connection.close()
  // With nothing more to wait for the thread ends. In Deno this port cannot be closed.
  port!.unref()
}

/** Has messages handled until that which ends the thread. */
function listen<Message>(handle: (message: Exclude<Message, 'close'>) => void): void {
  port!.on('message', (message: Message | 'close') => (message === 'close' ? end() : handle(message as never)))
}

if (form === undefined) {
  const packer = new Packer(port, connection)
  listen<ToPacker>((message) => packer.receive(message))
} else {
  const text = new RowText(form, connection.layout)
  listen<ToWorker>((message) => makeAndSend(port, text, message))
}
port.postMessage('ready' satisfies FromWorker)
