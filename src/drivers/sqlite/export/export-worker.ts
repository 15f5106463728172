/** The thread that makes every second page of a long export. */
import { parentPort, workerData } from 'node:worker_threads'
import { Connection, type ConnectionOptions } from '../file/connection.ts'
import { type Page, type PageText, boundPassingCache, makeText } from './json-lines.ts'

/** What the thread is started with. */
export interface HelperData {
  readonly path: string
  readonly options: ConnectionOptions
}

/** A page to make, and the time by which entries have expired; or the end. */
export type ToHelper = { readonly page: Page; readonly now: number } | 'close'

/** The snapshot stands; or what came of the next page, `undefined` when it could not be made. */
export type FromHelper = 'ready' | PageText | undefined

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const { path, options } = workerData as HelperData
const connection = new Connection(path, options)
connection.exec('begin')
boundPassingCache(connection)
// The first read is what fixes the moment.
connection.read(() => connection.statement('select 1 from sqlite_schema').get())

port.on('message', (message: ToHelper) => {
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
  port.postMessage(made satisfies FromHelper, made?.text === undefined ? [] : [made.text.buffer as ArrayBuffer])
})
port.postMessage('ready' satisfies FromHelper)
