import type { StoreOptions } from '../context.ts'
import { untilAborted } from '../interrupt.ts'
import { openByOptions } from '../open-by-options.ts'
import type { GlobalOptions } from '../options.ts'
import type { Store } from '../store/store.ts'
import { RecordingDriver } from './recording-driver.ts'
import type { UndoLog } from './undo.ts'

/** The store that the lines of a session share: opened by the first that needs it, and kept open. */
export class SessionStore {
  readonly #undo: UndoLog
  #globals: GlobalOptions
  #store: Promise<Store> | undefined

  constructor(globals: GlobalOptions, undo: UndoLog) {
    this.#globals = globals
    this.#undo = undo
  }

  /** The store. Throws `KV_INTERRUPTED` when the user does not wait for it. */
  get(signal: AbortSignal): Promise<Store> {
    if (this.#store === undefined) {
      const store = (this.#store = this.#open(this.#globals))
      // One that could not be opened is tried again by the next command.
      store.catch(() => {
        if (this.#store === store) this.#store = undefined
      })
    }
    return untilAborted(this.#store, signal)
  }

  /** Goes on with another store; the old one is closed once the new one is open. */
  async change(globals: GlobalOptions, signal: AbortSignal): Promise<void> {
    const opening = this.#open(globals)
    const store = await untilAborted(opening, signal).catch((error: unknown) => {
      // What opens after all is not wanted any more.
      opening.then((late) => late.close()).catch(() => {})
      throw error
    })
    await this.close()
    this.#globals = globals
    this.#store = Promise.resolve(store)
    this.#undo.clear()
  }

  /** The store for a line with these options, `undefined` when it needs one of its own. */
  forLine(globals: GlobalOptions, { sync = true }: StoreOptions, signal: AbortSignal): Promise<Store> | undefined {
    const same = sync && globals.store === this.#globals.store && globals.lockTimeoutMs === this.#globals.lockTimeoutMs && globals.timeoutMs === this.#globals.timeoutMs
    return same ? this.get(signal) : undefined
  }

  /** Waits for writes under way, and frees everything. */
  async close(): Promise<void> {
    const store = await this.#store?.catch(() => undefined)
    this.#store = undefined
    await store?.close()
  }

  #open(globals: GlobalOptions): Promise<Store> {
    return openByOptions(globals, { wrap: (driver) => new RecordingDriver(driver, this.#undo) })
  }
}
