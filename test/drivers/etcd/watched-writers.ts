import { KvError, type Store, type Watch } from '../../../src/index.ts'
import { toText } from '../../helpers/bytes.ts'
import { entries } from '../../helpers/store.ts'

const END = 'end'

/** Writers that put, delete and put several keys at once, one after the other each, until they are told to end. */
export class Writers {
  readonly #store: Store
  readonly #writers: Promise<unknown>[]
  /** Revisions of what was acknowledged. */
  readonly acknowledged = new Set<number>()
  #hasEnded = false
  #count = 0
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined

  constructor(store: Store, count: number) {
    this.#store = store
    this.#writers = Array.from({ length: count }, (_, writer) => this.#write(`w${writer}:`))
  }

  /** Settles when so many more writes were acknowledged. */
  async done(count: number): Promise<void> {
    await new Promise<void>((resolve) => (this.#waiting = { count: this.#count + count, resolve }))
  }

  /** Ends all of them; then puts what ends {@link playedBack}. */
  async end(): Promise<void> {
    this.#hasEnded = true
    await Promise.all(this.#writers)
    await this.#store.put(END, '')
  }

  /** What they have left. */
  async state(): Promise<Map<string, string>> {
    return new Map((await entries(this.#store)).map((entry) => [toText(entry.key), line(entry)]))
  }

  async #write(prefix: string): Promise<void> {
    for (let i = 0; !this.#hasEnded; i++) {
      await surely(async () => {
        const key = `${prefix}${i % 10}`
        if (i % 7 === 6) await this.#store.del(key)
        else if (i % 5 === 4) {
          const keys = [0, 1, 2, 3].map((n) => `${prefix}${(i + n) % 10}`)
          const ops = keys.map((one) => ({ type: 'put', key: one, value: `${i}` }) as const)
          this.acknowledged.add(await this.#store.batch(ops))
        } else this.acknowledged.add((await this.#store.put(key, `${i}`)).revision)
      })
      this.#count++
      if (this.#waiting !== undefined && this.#count >= this.#waiting.count) this.#waiting.resolve()
    }
  }
}

/** Writes again while nobody knows what became of it. */
export async function surely<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof KvError && error.code === 'KV_UNKNOWN_OUTCOME')) throw error
    }
  }
}

/**
 * The changes of a watch, played back until the writers have ended. Throws for a change that comes twice or too early, for a
 * delete of what is not there, and for a write that was acknowledged and did not come.
 */
export async function playedBack(watch: Watch, writers: Writers): Promise<Map<string, string>> {
  const state = new Map<string, string>()
  const positions = new Set<string>()
  const revisions = new Set<number>()
  let newest = 0
  for await (const change of watch) {
    const key = toText(change.key)
    if (positions.has(change.position)) throw new Error(`${key} came twice: ${change.position}`)
    positions.add(change.position)
    if (change.type === 'del') {
      if (!state.delete(key)) throw new Error(`${key} was not there`)
      continue
    }
    if (change.revision < newest) throw new Error(`revision ${change.revision} after ${newest}`)
    newest = change.revision
    revisions.add(newest)
    state.set(key, line(change))
    if (key === END) break
  }
  const missing = [...writers.acknowledged].filter((revision) => !revisions.has(revision))
  if (missing.length > 0) throw new Error(`not reported: revisions ${missing.join(', ')}`)
  return state
}

function line({ value, revision }: { value: Uint8Array; revision: number }): string {
  return `${toText(value)}@${revision}`
}
