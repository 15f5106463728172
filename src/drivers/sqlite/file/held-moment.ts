import type { Statement } from '../engine/engine.ts'

/** What is used of a connection. */
interface Reader {
  statement(sql: string): Statement
  rollback(): void
}

/** Those of this process that hold reads. */
const held = new Set<HeldMoment>()

/** Ends all of this process: what it has committed must be seen. */
export function releaseAll(): void {
  for (const moment of held) moment.release()
}

/** A read transaction that holds all reads of a connection at one moment, until the connection is to write or close. */
export class HeldMoment {
  readonly #connection: Reader
  #released: (() => void) | undefined

  constructor(connection: Reader) {
    this.#connection = connection
  }

  /** Whether reads are held. */
  get isHeld(): boolean {
    return this.#released !== undefined
  }

  /** Holds reads at this moment; `released` is called when that ends. Returns the version of what they see. */
  hold(released: () => void): number {
    this.release()
    this.#connection.statement('begin').run()
    this.#released = released
    held.add(this)
    try {
      return this.version()
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** A number that changes with every commit of another connection (https://www.sqlite.org/pragma.html#pragma_data_version). */
  version(): number {
    return (this.#connection.statement('pragma data_version').get() as [number])[0]
  }

  /** Lets reads see what is newest. */
  release(): void {
    const released = this.#released
    if (released === undefined) return
    this.#released = undefined
    held.delete(this)
    released()
    this.#connection.rollback()
  }
}
