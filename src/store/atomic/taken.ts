import { interrupted } from '../../errors.ts'
import { unchanged } from '../conditional.ts'
import type { Changes, Driver, RangeQuery } from '../driver/driver.ts'
import type { Entry } from '../driver/entry.ts'
import { keyId } from '../operations.ts'

/** Entries read beyond those that others of this process are just taking: some may be gone to other processes. */
const SPARE = 8

/** Entries that are taken out of a store, each by one taker. */
export class TakenEntries {
  readonly #open: (signal?: AbortSignal) => Driver
  /** The keys that takers of this process are deleting; settles when that is over. */
  readonly #taking = new Map<string, Promise<unknown>>()

  /** @param open as `RangeAccess` takes it */
  constructor(open: (signal?: AbortSignal) => Driver) {
    this.#open = open
  }

  /** Takes the first entry of a range as soon as it has one. */
  async take(query: RangeQuery, signal: AbortSignal | undefined): Promise<Entry> {
    let changes: Changes | undefined
    try {
      for (;;) {
        const entry = await this.#takeNow(query, signal)
        if (entry !== undefined) return entry
        if (changes === undefined) {
          // What came before the watch stood is found by looking once more.
          const { start, end } = query
          changes = await this.#open(signal).watch({ start, end, after: undefined, resumable: false }, { signal })
        } else if ((await changes.next()).done) throw interrupted(signal)
      }
    } finally {
      await changes?.return()
    }
  }

  /** Takes the first entry of a range that others leave; `undefined` when there is none. */
  async #takeNow(query: RangeQuery, signal: AbortSignal | undefined): Promise<Entry | undefined> {
    for (;;) {
      const driver = this.#open(signal)
      const found: Entry[] = []
      for await (const page of driver.range({ ...query, limit: this.#taking.size + SPARE }, { signal }))
        found.push(...page)
      if (found.length === 0) return undefined
      const free = found.filter(({ key }) => !this.#taking.has(keyId(key)))
      for (const entry of free) {
        const id = keyId(entry.key)
        if (this.#taking.has(id)) continue
        if (await this.#delete(id, entry, signal)) return entry
      }
      // All are being taken here: one may be left over.
      if (free.length === 0) await Promise.race(found.map(({ key }) => this.#taking.get(keyId(key))))
    }
  }

  /** Deletes an entry unless another was quicker. */
  async #delete(id: string, entry: Entry, signal: AbortSignal | undefined): Promise<boolean> {
    const { key } = entry
    const deleting = this.#open(signal).del(new Uint8Array(key), { condition: unchanged(entry), signal })
    const settled = deleting.then(
      () => {},
      () => {},
    )
    this.#taking.set(id, settled)
    try {
      return await deleting
    } finally {
      this.#taking.delete(id)
    }
  }
}
