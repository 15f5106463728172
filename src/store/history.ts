import { KvError, usageError } from '../errors.ts'
import type { Abortable, Driver } from './driver/driver.ts'
import type { Entry } from './driver/entry.ts'
import type { History, HistoryStatus, Moment, Version, VersionsOptions } from './driver/history.ts'
import { guarded } from './guarded.ts'
import { type KeyInput, checkNames, checkOptions, kindOf, shown } from './input.ts'
import { ownKeyOf } from './operations.ts'

/** Old values kept of a key unless another number is asked for. */
export const KEPT_VERSIONS = 10

/** Old values kept of a key at most. */
const MOST_VERSIONS = 1_000_000

/** How much of the past is kept. */
export interface HistoryOptions extends Abortable {
  /** Old values kept of each key, 1 to 1,000,000; older ones are dropped. Default: as many as before, or 10. */
  keep?: number | undefined
}

/**
 * Old versions of the entries of a store: none, until it is told to keep them. Methods throw `KV_NOT_SUPPORTED` where a
 * store cannot, and those that read `KV_HISTORY_GAP` where it does not.
 */
export class StoreHistory {
  readonly #open: (signal?: AbortSignal) => Driver

  constructor(open: (signal?: AbortSignal) => Driver) {
    this.#open = open
  }

  /** Whether the store can keep old versions. */
  get isSupported(): boolean {
    return this.#open().history !== undefined
  }

  /** Begins to keep old values, whoever writes them, or changes how many. Durable when the promise resolves. */
  async on(options: HistoryOptions = {}): Promise<void> {
    checkOptions(options, ['keep', 'signal'], 'history.on')
    const { keep, signal } = options
    if (keep !== undefined && (!Number.isSafeInteger(keep) || keep < 1 || keep > MOST_VERSIONS))
      throw usageError(`keep is a whole number from 1 to ${MOST_VERSIONS}, not ${shown(keep)}`)
    const history = this.#history(signal)
    await history.on(keep ?? ((await keptNow(history, signal)) || KEPT_VERSIONS), { signal })
  }

  /** Drops all old versions and keeps none from now on; resolves to how many old values there were. */
  async off(options: Abortable = {}): Promise<number> {
    checkOptions(options, ['signal'], 'history.off')
    return this.#history(options.signal).off(options)
  }

  /** Whether old versions are kept, how many, and since when. */
  async status(options: Abortable = {}): Promise<HistoryStatus> {
    checkOptions(options, ['signal'], 'history.status')
    return this.#history(options.signal).status(options)
  }

  /** The versions of a key, the newest first, in pages that are never empty: what it is now, then what it was before. */
  versions(key: KeyInput, options: VersionsOptions = {}): AsyncGenerator<Version[], void, void> {
    checkOptions(options, ['limit', 'signal'], 'history.versions')
    const { limit = Infinity, signal } = options
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 0))
      throw usageError(`limit must be a whole number of 0 or more, not ${shown(limit)}`)
    const driver = this.#open(signal)
    const bytes = ownKeyOf(key, driver.limits)
    const pages = limit === 0 ? undefined : this.#history(signal).versions(bytes, { limit, signal })
    return guarded(pages, () => this.#open(signal))
  }

  /**
   * The entry of a key at a moment, `{ revision }` or `{ time }` in milliseconds since 1970; `undefined` when it was not there.
   * At a revision, also one that has expired since. Throws `KV_HISTORY_GAP` when what is kept does not tell, and `KV_USAGE` for
   * a moment that is still to come.
   */
  async at(key: KeyInput, moment: Moment, options: Abortable = {}): Promise<Entry | undefined> {
    checkOptions(options, ['signal'], 'history.at')
    const driver = this.#open(options.signal)
    return this.#history(options.signal).at(ownKeyOf(key, driver.limits), checkedMoment(moment), options)
  }

  #history(signal: AbortSignal | undefined): History {
    const { history, name } = this.#open(signal)
    if (history !== undefined) return history
    throw name === 'http'
      ? new KvError('KV_NOT_SUPPORTED', 'this server does not know old versions of entries', {
          hint: 'its kv is older than that, or its store keeps none: update kv where the server runs',
        })
      : new KvError('KV_NOT_SUPPORTED', `${name} keeps no old versions of entries`, {
          hint: 'a store in a file does, also behind a kv serve',
        })
  }
}

/** Old values that are kept of a key; 0 also where a history has lost a part, which begins anew. */
async function keptNow(history: History, signal: AbortSignal | undefined): Promise<number> {
  try {
    return (await history.status({ signal })).keep
  } catch (error) {
    if (error instanceof KvError && error.code === 'KV_CORRUPT') return 0
    throw error
  }
}

function checkedMoment(moment: Moment): Moment {
  if (typeof moment !== 'object' || moment === null)
    throw usageError(`a moment is { revision } or { time }, not ${kindOf(moment)}`)
  const name = 'revision' in moment ? 'revision' : 'time'
  checkNames(moment, [name], 'a moment')
  const value = (moment as Record<string, unknown>)[name]
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw usageError(`the ${name} of a moment is a whole number of 0 or more, not ${shown(value)}`)
  return moment
}
