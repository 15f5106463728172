import { decodeUtf8, encode } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { AtomicAccess } from '../atomic/atomic-access.ts'
import type { Abortable, GetManyOptions } from '../driver/driver.ts'
import type { Change, Entry, PutResult } from '../driver/entry.ts'
import { type KeyInput, bytesOf, isBytes, kindOf } from '../input.ts'
import type { RangeOptions } from '../range.ts'
import type { Watch, WatchOptions } from '../watch.ts'
import type { BatchOp, BatchOptions, DelOptions, PutOptions } from '../write-options.ts'

/** `T` with strings for its keys and values. */
export type AsText<T> = T extends unknown
  ? { [Name in keyof T]: Name extends 'key' | 'value' ? string : T[Name] }
  : never

/** An entry whose key and value are text. */
export type TextEntry = AsText<Entry>

/** A change of an entry whose key and value are text. */
export type TextChange = AsText<Change>

/** One step of a batch of text. */
export type TextBatchOp = AsText<BatchOp>

/** Reading and writing bytes as text and as JSON: the part of a Store that is made of the rest of it. */
export abstract class TextAccess extends AtomicAccess {
  abstract get(key: KeyInput, options?: Abortable): Promise<Uint8Array | undefined>
  abstract getSync(key: KeyInput): Uint8Array | undefined
  abstract getEntry(key: KeyInput, options?: Abortable): Promise<Entry | undefined>
  abstract getMany(keys: readonly KeyInput[], options?: GetManyOptions): Promise<(Entry | undefined)[]>
  abstract put(key: KeyInput, value: KeyInput, options?: PutOptions): Promise<PutResult>
  abstract del(key: KeyInput, options?: DelOptions): Promise<boolean>
  abstract batch(ops: readonly BatchOp[], options?: BatchOptions): Promise<number>
  abstract watch(options?: WatchOptions): Promise<Watch>

  /** The value of a key as text, or `undefined`. Throws `KV_NOT_TEXT` when it is not UTF-8. */
  async getText(key: KeyInput, options?: Abortable): Promise<string | undefined> {
    const value = await this.get(key, options)
    return value && textOf(value, 'value', key)
  }

  /** The same without a promise. Throws `KV_NOT_SUPPORTED` when `supports.syncReads` is false. */
  getTextSync(key: string): string | undefined {
    const value = this.getSync(noBytes(key, 'key'))
    return value && textOf(value, 'value', key)
  }

  /**
   * The value of a key read as JSON, or `undefined`. Throws `KV_NOT_TEXT` when it is not JSON; that it is a `T` is the
   * word of the caller.
   */
  async getJson<T = unknown>(key: KeyInput, options?: Abortable): Promise<T | undefined> {
    const text = await this.getText(key, options)
    try {
      return text === undefined ? undefined : (JSON.parse(text) as T)
    } catch (cause) {
      throw new KvError('KV_NOT_TEXT', `the value of ${shownKey(key)} is not JSON`, { cause })
    }
  }

  /** Stores a value as JSON, see {@link put}. Throws `KV_USAGE` for what JSON cannot hold. */
  async putJson(key: KeyInput, value: unknown, options?: PutOptions): Promise<PutResult> {
    return this.put(key, jsonOf(value), options)
  }

  /** This store with strings for keys and values. */
  text(): TextView {
    return new TextView(this)
  }
}

/**
 * A store whose keys and values are text. Bytes are refused with `KV_INVALID_KEY` for a key and `KV_USAGE` for a value;
 * what is stored and is not UTF-8 is refused with `KV_NOT_TEXT` where it is met.
 */
export class TextView {
  readonly #store: TextAccess

  /** Made by `text()` of a store. */
  constructor(store: TextAccess) {
    this.#store = store
  }

  /** The value of a key, or `undefined`. */
  async get(key: string, options?: Abortable): Promise<string | undefined> {
    return this.#store.getText(noBytes(key, 'key'), options)
  }

  /** The same without a promise. Throws `KV_NOT_SUPPORTED` when `supports.syncReads` of the store is false. */
  getSync(key: string): string | undefined {
    return this.#store.getTextSync(key)
  }

  /** The value of a key read as JSON, or `undefined`. */
  async getJson<T = unknown>(key: string, options?: Abortable): Promise<T | undefined> {
    return this.#store.getJson<T>(noBytes(key, 'key'), options)
  }

  /** The entry of a key with its revision and expiry, or `undefined`. */
  async getEntry(key: string, options?: Abortable): Promise<TextEntry | undefined> {
    const entry = await this.#store.getEntry(noBytes(key, 'key'), options)
    return entry && asText(entry)
  }

  /** The entries of several keys at one snapshot, in the order asked, `undefined` for a missing one. */
  async getMany(keys: readonly string[], options?: GetManyOptions): Promise<(TextEntry | undefined)[]> {
    if (Array.isArray(keys)) for (const key of keys) noBytes(key, 'key')
    return (await this.#store.getMany(keys, options)).map((entry) => entry && asText(entry))
  }

  /** Stores a value under a key. Durable when the promise resolves. */
  async put(key: string, value: string, options?: PutOptions): Promise<PutResult> {
    return this.#store.put(noBytes(key, 'key'), noBytes(value, 'value'), options)
  }

  /** Stores a value as JSON. */
  async putJson(key: string, value: unknown, options?: PutOptions): Promise<PutResult> {
    return this.#store.putJson(noBytes(key, 'key'), value, options)
  }

  /** Removes a key; resolves to whether it was there. */
  async del(key: string, options?: DelOptions): Promise<boolean> {
    return this.#store.del(noBytes(key, 'key'), options)
  }

  /** Applies the operations in order, all or nothing; resolves to their revision. */
  async batch(ops: readonly TextBatchOp[], options?: BatchOptions): Promise<number> {
    for (const op of Array.isArray(ops) ? (ops as readonly (Partial<Entry> | null | undefined)[]) : []) {
      noBytes(op?.key, 'key')
      noBytes(op?.value, 'value')
    }
    return this.#store.batch(ops, options)
  }

  /** The entries of a range one by one. */
  async *range(options?: RangeOptions & Abortable): AsyncGenerator<TextEntry, void, void> {
    for await (const entry of this.#store.range(options)) yield asText(entry)
  }

  /** Watches keys, see `watch` of the store. Reading ends with `KV_NOT_TEXT` at a change that is not text. */
  async watch(options?: WatchOptions): Promise<TextWatch> {
    return new TextWatch(await this.#store.watch(options))
  }
}

/** A watch that stands, of changes that are text; see {@link Watch}. */
export class TextWatch implements AsyncIterable<TextChange>, AsyncDisposable {
  readonly #watch: Watch

  /** Made by `watch()` of a view. */
  constructor(watch: Watch) {
    this.#watch = watch
  }

  /** Another watch that goes on after this misses nothing and repeats nothing. */
  get position(): string {
    return this.#watch.position
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TextChange, void, void> {
    for await (const change of this.#watch) yield asText(change)
  }

  /** Lets the process end although this watch stands. Returns the watch. */
  unref(): this {
    this.#watch.unref()
    return this
  }

  /** Ends the watch. Safe to call again. */
  close(): Promise<void> {
    return this.#watch.close()
  }

  /** `await using watch = await store.text().watch(...)` ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function asText<T extends Entry | Change>(record: T): AsText<T> {
  const key = textOf(record.key, 'key', record.key)
  return ('value' in record
    ? { ...record, key, value: textOf(record.value, 'value', key) }
    : { ...record, key }) as unknown as AsText<T>
}

function textOf(bytes: Uint8Array, what: 'key' | 'value', key: KeyInput): string {
  const text = decodeUtf8(bytes)
  if (text !== undefined) return text
  throw new KvError('KV_NOT_TEXT', `the ${what === 'key' ? 'key' : 'value of'} ${shownKey(key)} is not UTF-8`, {
    hint: 'read it as bytes, without text()',
  })
}

/** A key as messages show it: text in quotes, other bytes in hexadecimal. */
function shownKey(key: KeyInput): string {
  const bytes = bytesOf(key, 'KV_INVALID_KEY', 'key')
  const text = decodeUtf8(bytes)
  return text === undefined ? `0x${encode(bytes, 'hex')}` : JSON.stringify(text)
}

/** Refuses bytes where text is asked for; the store refuses everything else that is no text. */
function noBytes<T>(input: T, what: 'key' | 'value'): T {
  if (!isBytes(input)) return input
  const code = what === 'key' ? 'KV_INVALID_KEY' : 'KV_USAGE'
  const hint = 'for bytes use the store itself, without text()'
  throw new KvError(code, `a ${what} is a string here, not ${kindOf(input)}`, { hint })
}

function jsonOf(value: unknown): string {
  const noJson = (why = '', cause?: unknown): KvError =>
    new KvError('KV_USAGE', `${kindOf(value)} has no JSON${why}`, { cause })
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    // V8 draws a circle on lines of its own.
    throw noJson(cause instanceof Error ? `: ${cause.message.split('\n', 1)[0]!}` : '', cause)
  }
  if (json === undefined) throw noJson()
  return json
}
