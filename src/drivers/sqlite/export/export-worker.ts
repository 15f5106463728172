/** The thread that makes every second page of a long export. */
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from '../file/connection.ts'
import { type FromWorker, type PageText, type ToWorker, type WorkerData, limitScanCache, makeText } from './page.ts'
import { RowText, type TextPart } from './row-text.ts'

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const { path, options, form } = workerData as WorkerData
const text = new RowText(form)
const connection = new Connection(path, options)
connection.exec('begin')
limitScanCache(connection)
connection.fixSnapshot()

port.on('message', (message: ToWorker) => {
  if (message === 'close') {
    connection.rollback()
    connection.close()
    port.close()
    return
  }
  let made: PageText | undefined
  try {
    made = makeText(connection, message.page, text, message.now)
  } catch {
    // The other thread meets the same error, and tells it.
  }
  port.postMessage(made satisfies FromWorker, buffersOf(made?.parts))
})
port.postMessage('ready' satisfies FromWorker)

function buffersOf(parts: readonly TextPart[] = []): ArrayBuffer[] {
  const buffers = parts.map((part) => ('text' in part ? part.text : part.key).buffer as ArrayBuffer)
  return [...new Set(buffers)]
}
