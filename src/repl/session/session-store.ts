import { statSync } from 'node:fs'
import { untilAborted } from '../../async.ts'
import type { Context } from '../../cli/context.ts'
import { type Passwords, passwordFor } from '../../cli/credentials.ts'
import { isSameStore } from '../../drivers/location.ts'
import type { GlobalOptions } from '../../cli/options.ts'
import { escapeLine } from '../../safe-text.ts'
import type { Driver } from '../../store/driver/driver.ts'
import type { Store } from '../../store/store.ts'
import { recordingDriver } from '../undo/recording-driver.ts'
import type { UndoLog } from '../undo/undo.ts'

/** The store that the lines of a session share: opened by the first that needs it, and kept open. */
export class SessionStore {
  readonly #ctx: Context
  readonly #undo: UndoLog
  readonly #closing = new AbortController()
  #globals: GlobalOptions
  #store: Promise<Store> | undefined
  /** The driver under it, once it is open. */
  #driver: Driver | undefined

  /** @param ctx of the session as a whole */
  constructor(ctx: Context, undo: UndoLog) {
    this.#ctx = ctx
    this.#globals = ctx.globals
    this.#undo = undo
  }

  /** The store. Throws `KV_INTERRUPTED` when the user does not wait for it. */
  get(signal: AbortSignal): Promise<Store> {
    if (this.#store === undefined) {
      const store = (this.#store = this.#open(this.#globals, signal))
      // One that could not be opened is tried again by the next command.
      store.catch(() => {
        if (this.#store === store) this.#store = undefined
      })
    }
    return untilAborted(this.#store, signal)
  }

  /** The passwords that the user has typed. */
  get passwords(): Passwords {
    return this.#ctx.passwords
  }

  /** Goes on with another store; the old one is closed once the new one is open. A password is asked for by `line`, also anew. */
  async change(globals: GlobalOptions, line: Context): Promise<void> {
    this.passwords.forget(globals.store)
    await passwordFor(line, globals)
    const store = await this.#open(globals, line.signal)
    const old = this.#store
    this.#globals = globals
    this.#store = Promise.resolve(store)
    this.#undo.clear()
    await (await old?.catch(() => undefined))?.close()
  }

  /** The store for a line with these options, `undefined` when it needs one of its own. */
  forLine(globals: GlobalOptions, sync: boolean, signal: AbortSignal): Promise<Store> | undefined {
    const { store, lockTimeoutMs, timeoutMs } = this.#globals
    const same =
      sync &&
      !globals.maxEntriesFlag &&
      globals.store === store &&
      globals.lockTimeoutMs === lockTimeoutMs &&
      globals.timeoutMs === timeoutMs
    return same ? this.get(signal) : undefined
  }

  /** Around the driver of a line that needs one of its own, so that `.undo` knows what it writes. */
  wrap(driver: Driver, { store }: GlobalOptions): Driver {
    const elsewhere = `this wrote to another store, ${escapeLine(store)}, and cannot be undone here`
    return recordingDriver(driver, this.#undo, {
      refusal: () => (this.#isHere(driver, store) ? undefined : elsewhere),
      identity: () => this.identity(),
    })
  }

  /**
   * Tells the file that the session works on from every other that was or will be in its place; `undefined` where
   * there is none.
   */
  identity(): string | undefined {
    const file = this.#driver?.files?.[0]
    const stat = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })
    return stat && `${this.#driver?.incarnation} ${stat.dev} ${stat.ino}`
  }

  /** Waits for writes under way, and frees everything. */
  async close(): Promise<void> {
    this.#closing.abort()
    const store = await this.#store?.catch(() => undefined)
    this.#store = this.#driver = undefined
    await store?.close()
  }

  #open(globals: GlobalOptions, signal: AbortSignal): Promise<Store> {
    // Completion opens it too, while the keyboard is another's: a password has been asked for before.
    return this.#ctx.open(
      { ...globals, input: false },
      {
        signal: AbortSignal.any([signal, this.#closing.signal]),
        wrap: (driver) => {
          this.#driver = driver
          return recordingDriver(driver, this.#undo, { refusal: () => undefined, identity: () => this.identity() })
        },
      },
    )
  }

  /** Whether a driver works on the session's own store, however its place was written. */
  #isHere(driver: Driver, store: string): boolean {
    const own = { location: this.#globals.store, files: this.#driver?.files }
    return isSameStore({ location: store, files: driver.files }, own)
  }
}
