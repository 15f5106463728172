import { onTestFinished } from 'vitest'
import type { Change, Store, Watch, WatchOptions } from '../../src/index.ts'
import { toText } from './bytes.ts'

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
