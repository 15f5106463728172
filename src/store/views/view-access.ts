import type { Abortable } from '../driver/driver.ts'
import type { PutResult } from '../driver/entry.ts'
import { type KeyInput, checkOptions, isBytes } from '../input.ts'
import type { PutOptions } from '../write-options.ts'
import { ByteAccess } from './byte-access.ts'
import { type Codec, jsonCodec, jsonOf, parsedJson, textCodec } from './codec.ts'
import { decoded, notDecoded } from './decode.ts'
import { TextView } from './text-view.ts'
import { type ViewOptions, prefixOf } from './view-options.ts'
import { View } from './view.ts'

/** The part of a Store that reads and writes other types than bytes: as text, as JSON, and by codecs of the caller. */
export abstract class ViewAccess extends ByteAccess {
  /** The value of a key as text, or `undefined`. Throws `KV_NOT_TEXT` when it is not UTF-8. */
  async getText(key: KeyInput, options?: Abortable): Promise<string | undefined> {
    const value = await this.get(key, options)
    return value && decoded(textCodec, value, 'value', key)
  }

  /** The same without a promise. Throws `KV_NOT_SUPPORTED` when `supports.syncReads` is false. */
  override getTextSync(key: string): string | undefined {
    const value = this.getSync(isBytes(key) ? textCodec.encode(key, 'key') : key)
    return value && decoded(textCodec, value, 'value', key)
  }

  /**
   * The value of a key read as JSON, or `undefined`. Throws `KV_NOT_TEXT` when it is not JSON; that it is a `T` is the
   * word of the caller.
   */
  async getJson<T = unknown>(key: KeyInput, options?: Abortable): Promise<T | undefined> {
    const text = await this.getText(key, options)
    try {
      return text === undefined ? undefined : (parsedJson(text) as T)
    } catch (error) {
      throw notDecoded(error, 'value', key)
    }
  }

  /** Stores a value as JSON, see {@link put}. Throws `KV_USAGE` for what JSON cannot hold. */
  async putJson(key: KeyInput, value: unknown, options?: PutOptions): Promise<PutResult> {
    return this.put(key, jsonOf(value), options)
  }

  /** This store, or the part of it below a prefix, with strings for keys and values. */
  text(options: Pick<ViewOptions, 'prefix'> = {}): TextView {
    checkOptions(options, ['prefix'], 'text')
    return new TextView(this, prefixOf(options))
  }

  /**
   * This store, or the part of it below a prefix, with strings for keys and JSON for values. That stored JSON is a `T` is
   * the word of the caller.
   *
   * ```ts
   * const users = store.json<User>({ prefix: 'user:' })
   * await users.put('1', { name: 'Ada' })
   * await users.update('1', (user) => user && { ...user, logins: (user.logins ?? 0) + 1 })
   * for await (const { key, value } of users.range()) console.log(key, value.name)
   * ```
   */
  json<T = unknown>(options: Pick<ViewOptions, 'prefix'> = {}): View<string, T> {
    checkOptions(options, ['prefix'], 'json')
    return new View(this, prefixOf(options), textCodec, jsonCodec<T>())
  }

  /**
   * This store, or the part of it below a prefix, with keys and values as codecs make them; without one they are text.
   * Nothing beside the prefix is seen or changed through it, whatever is asked for.
   *
   * ```ts
   * const readings = store.view({ prefix: 'reading:', key: orderedKeyCodec<[Date, number]>(), value: jsonCodec<Reading>() })
   * await readings.put([new Date(), sensor], reading)
   * for await (const { key: [time] } of readings.range({ gte: [yesterday, 0] })) console.log(time)
   * ```
   */
  view<K = string, V = string>(options: ViewOptions<K, V> = {}): View<K, V> {
    checkOptions(options, ['prefix', 'key', 'value'], 'view')
    const { key = textCodec, value = textCodec } = options as { key?: unknown; value?: unknown }
    return new View(this, prefixOf(options), key as Codec<K>, value as Codec<V>)
  }
}
