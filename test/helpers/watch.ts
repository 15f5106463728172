import { onTestFinished } from 'vitest'
import type { Change, Store, Watch, WatchOptions } from '../../src/index.ts'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { toText } from './bytes.ts'
import { openTestStore } from './store.ts'

/** A watch that is closed when the running test is over. */
export async function watching(store: Store, options: WatchOptions = {}): Promise<Watch> {
  const watch = await store.watch(options)
  onTestFinished(() => watch.close())
  return watch
}

/** The next changes of a watch, so many. It stays open. */
export async function take(watch: Watch, count: number): Promise<Change[]> {
  const pages = watch.pages()[Symbol.asyncIterator]()
  const changes: Change[] = []
  while (changes.length < count) {
    const { value, done } = await pages.next()
    if (done === true) throw new Error(`the watch ended after ${changes.length} of ${count} changes`)
    changes.push(...value)
  }
  return changes
}

/** The changes up to the put of a key, without it. */
export async function takeUntil(watch: Watch, key: string): Promise<Change[]> {
  const changes: Change[] = []
  for (;;) {
    changes.push(...(await take(watch, 1)))
    const end = changes.findIndex((change) => change.type === 'put' && toText(change.key) === key)
    if (end >= 0) return changes.slice(0, end)
  }
}

/** `put key=value` or `del key`. */
export function shown(change: Change): string {
  return change.type === 'put' ? `put ${toText(change.key)}=${toText(change.value)}` : `del ${toText(change.key)}`
}

/** Tells whether a store file has a log of changes. */
export function logOf(path: string): () => boolean {
  const connection = new (sqliteEngine().DatabaseSync)(path)
  onTestFinished(() => connection.close())
  const names = connection.prepare(
    `select name from sqlite_schema where name glob 'kv_log*' or name in ('kv_watcher', 'kv_change', 'kv_replaced')`,
  )
  return () => names.all().length > 0
}

/** Settles when somebody watches the store in a file. */
export async function watched(path: string): Promise<() => boolean> {
  // kv must have the file open first: it does not know of connections that others have in its process, and closing a
  // file of its own would drop their locks.
  await (await openTestStore(path)).get('none')
  const hasLog = logOf(path)
  while (!hasLog()) await new Promise(setImmediate)
  return hasLog
}
