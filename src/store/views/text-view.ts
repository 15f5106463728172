import type { Abortable } from '../driver/driver.ts'
import type { PutResult } from '../driver/entry.ts'
import { checkOptions, flagOf } from '../input.ts'
import { RANGE_NAMES } from '../range.ts'
import type { ByteAccess } from './byte-access.ts'
import { jsonCodec, textCodec } from './codec.ts'
import { View } from './view.ts'
import type { ViewEntry, ViewPutOptions, ViewRangeOptions } from './view-options.ts'

/**
 * A store whose keys and values are text. Bytes are refused with `KV_INVALID_KEY` for a key and `KV_USAGE` for a value;
 * what is stored and is not UTF-8 is refused with `KV_NOT_TEXT` where it is met.
 */
export class TextView extends View<string, string> {
  /** Made by `text()` of a store. */
  constructor(store: ByteAccess, prefix: string | Uint8Array = '') {
    super(store, prefix, textCodec, textCodec)
  }

  /** The value of a key read as JSON, or `undefined`; that it is a `T` is the word of the caller. */
  async getJson<T = unknown>(key: string, options?: Abortable): Promise<T | undefined> {
    return this.view({ value: jsonCodec<T>() }).get(key, options)
  }

  /** Stores a value as JSON. Throws `KV_USAGE` for what JSON cannot hold. */
  async putJson(key: string, value: unknown, options?: ViewPutOptions<unknown>): Promise<PutResult> {
    return this.view({ value: jsonCodec() }).put(key, value, options)
  }

  /** The entries of a range one by one; with `keysOnly` their values are empty, and not read. */
  override range(
    options: ViewRangeOptions & { readonly keysOnly?: boolean | undefined } = {},
  ): AsyncGenerator<ViewEntry, void, void> {
    checkOptions(options, [...RANGE_NAMES, 'signal'], 'range')
    return this.entries(options, flagOf(options.keysOnly, 'keysOnly') ?? false)
  }
}
