import type { Block } from '../blocks/block.ts'
import { usageError } from '../errors.ts'
import type { Abortable, Driver, TextOptions } from './driver/driver.ts'
import type { Entry } from './driver/entry.ts'
import type { Usage } from './driver/usage.ts'
import { eachOf, guarded } from './guarded.ts'
import { checkOptions, flagOf, shown } from './input.ts'
import { RANGE_NAMES, type RangeOptions, anyExpires, blocksOf, toQuery } from './range.ts'
import { USAGE_NAMES, type UsageOptions, toUsageQuery, usagePages } from './usage.ts'

const TEXT_FORMS = ['jsonl', 'csv', 'tsv']

/** The part of a Store that reads ranges. */
export abstract class RangeAccess {
  /** The driver, for each operation. Throws `KV_CLOSED` once closed, `KV_INTERRUPTED` when aborted. */
  protected readonly open: (signal?: AbortSignal) => Driver

  /** @param open as {@link RangeAccess.open} */
  constructor(open: (signal?: AbortSignal) => Driver) {
    this.open = open
  }

  /**
   * A range as lines of text, mixed with entries to be written by the caller; see `rangeText` of the driver. `undefined`
   * where {@link rangePages} is as quick.
   */
  rangeText(options: RangeOptions & TextOptions = {}): AsyncIterable<Uint8Array | Entry[]> | undefined {
    checkOptions(options, [...RANGE_NAMES, 'form', 'expires', 'parallel', 'signal'], 'rangeText')
    const { form, signal } = options
    if (form !== undefined && !TEXT_FORMS.includes(form))
      throw usageError(`form is ${shown(form)}`, `one of ${TEXT_FORMS.join(' ')}`)
    const expires = flagOf(options.expires, 'expires')
    const parallel = flagOf(options.parallel, 'parallel')
    const driver = this.open(signal)
    const query = toQuery(options)
    const text = query && driver.rangeText?.(query, { form, expires, parallel, signal })
    return text && guarded(text, () => this.open(signal))
  }

  /**
   * The entries of a range one by one, at one snapshot where `supports.snapshotRange`. Leaving the loop frees it; so
   * does the garbage collector, some time after an iterator was left without `return()`.
   */
  range(options: RangeOptions & Abortable = {}): AsyncGenerator<Entry, void, void> {
    return eachOf(this.rangePages(options))
  }

  /** The same in pages: cheaper for many entries. No page is empty. */
  rangePages(options: RangeOptions & Abortable = {}): AsyncGenerator<Entry[], void, void> {
    const driver = this.#use(options, [...RANGE_NAMES, 'signal'], 'range')
    const { signal } = options
    const query = toQuery(options)
    return guarded(query && driver.range(query, { signal }), () => this.open(signal), driver.firstPageIsFree)
  }

  /**
   * The same packed in blocks, cheapest for many entries: for {@link load} of another store. Each is in ascending order
   * of its keys; with `reverse` the last comes first.
   */
  rangeBlocks(options: RangeOptions & Abortable = {}): AsyncGenerator<Block, void, void> {
    const driver = this.#use(options, [...RANGE_NAMES, 'signal'], 'range')
    const { signal } = options
    const query = toQuery(options)
    return guarded(query && blocksOf(driver, query, { signal }), () => this.open(signal))
  }

  /** Whether an entry of a range expires. Reads keys up to the first that does, unless the driver knows without that. */
  async hasExpiring(options: RangeOptions & Abortable = {}): Promise<boolean> {
    const driver = this.#use(options, [...RANGE_NAMES, 'signal'], 'hasExpiring')
    const { signal } = options
    const query = toQuery(options)
    return query !== undefined && anyExpires(driver, query, { signal }, () => this.open(signal))
  }

  /** How many keys a range has, at most `limit`. */
  async count(options: RangeOptions & Abortable = {}): Promise<number> {
    const driver = this.#use(options, [...RANGE_NAMES, 'signal'], 'count')
    const { signal } = options
    const query = toQuery(options)
    return query === undefined ? 0 : driver.count(query, { signal })
  }

  /**
   * How many keys there are below a prefix and how many bytes they take, in pages: a key that lies in no folder and each
   * folder in key order, a folder after what lies in it, and last the total; at one snapshot where `supports.snapshotRange`.
   */
  usage(options: UsageOptions = {}): AsyncGenerator<Usage[], void, void> {
    const driver = this.#use(options, USAGE_NAMES, 'usage')
    const query = toUsageQuery(options)
    const { onProgress, signal } = options
    return guarded(usagePages(driver, query, { onProgress, signal }), () => this.open(signal))
  }

  #use(options: Abortable, names: readonly string[], operation: string): Driver {
    checkOptions(options, names, operation)
    return this.open(options.signal)
  }
}
