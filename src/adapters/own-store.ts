import { type OpenOptions, Store, openStore } from '../index.ts'

/** What an adapter is made of: a store, which whoever opened it closes, or where one is. */
export type StoreSource = Store | string | URL

/** The store of an adapter. One that the adapter opens itself is opened when first used, and again after it was closed. */
export class OwnStore {
  readonly #source: StoreSource
  readonly #options: OpenOptions
  #opening: Promise<Store> | undefined

  constructor(source: StoreSource, options: OpenOptions = {}) {
    this.#source = source
    this.#options = options
  }

  /** Opens the store if need be. Throws what `openStore` throws. */
  async open(): Promise<Store> {
    const source = this.#source
    if (source instanceof Store) return source
    const opening = (this.#opening ??= openStore(source, this.#options))
    try {
      return await opening
    } catch (error) {
      // The next use tries again.
      if (this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  /** Closes the store, if it was opened here. */
  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    await (await opening)?.close()
  }
}
