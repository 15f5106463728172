import { untilAborted } from '../../async.ts'
import type { Abortable, Awaitable, Driver } from '../driver/driver.ts'
import type { KeyInput } from '../input.ts'
import { keyId, putOf } from '../operations.ts'
import type { PutOptions } from '../write-options.ts'

/** How a value is stored that was computed. */
export type GetOrSetOptions = Abortable & Pick<PutOptions, 'expires' | 'ttl'>

/** Values that are computed where they are not there, of each key by one caller of this process at a time. */
export class ComputedValues {
  readonly #open: (signal?: AbortSignal) => Driver
  readonly #running = new Map<string, Promise<Uint8Array>>()

  /** @param open as `RangeAccess` takes it */
  constructor(open: (signal?: AbortSignal) => Driver) {
    this.#open = open
  }

  /** The value of a key, or what `compute` makes. Throws what that throws; the next caller then tries again. */
  async value(
    key: Uint8Array,
    compute: () => Awaitable<KeyInput>,
    { signal, ...lifetime }: GetOrSetOptions,
  ): Promise<Uint8Array> {
    const id = keyId(key)
    let running = this.#running.get(id)
    if (running === undefined) {
      running = this.#find(key, compute, lifetime)
      this.#running.set(id, running)
      const end = (): void => void this.#running.delete(id)
      running.then(end, end)
    }
    return new Uint8Array(await untilAborted(running, signal))
  }

  /** No signal: others may wait for it who want it still. */
  async #find(
    key: Uint8Array,
    compute: () => Awaitable<KeyInput>,
    lifetime: Omit<GetOrSetOptions, 'signal'>,
  ): Promise<Uint8Array> {
    const there = await this.#open().get(key)
    if (there !== undefined) return there
    const computed = await compute()
    for (;;) {
      const driver = this.#open()
      const { value, expires, ttl } = putOf(key, computed, lifetime, driver.limits)
      const own = Buffer.from(value)
      if ((await driver.put(key, value, { expires, ttl, condition: { type: 'absent' } })).applied) return own
      // Another process was first: its value is the one.
      const theirs = await driver.get(key)
      if (theirs !== undefined) return theirs
    }
  }
}
