/** The thread that makes every second page of a long export. */
import { parentPort, workerData } from 'node:worker_threads'
import { Connection } from '../file/connection.ts'
import { type FromWorker, type PageText, type ToWorker, type WorkerData, limitScanCache, makeText } from './page.ts'

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const { path, options } = workerData as WorkerData
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
    made = makeText(connection, message.page, message.now)
  } catch {
    // The other thread meets the same error, and tells it.
  }
  port.postMessage(made satisfies FromWorker, made?.text === undefined ? [] : [made.text.buffer as ArrayBuffer])
})
port.postMessage('ready' satisfies FromWorker)
