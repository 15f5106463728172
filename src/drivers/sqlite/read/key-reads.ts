import { endOfTurn } from '../../../async.ts'
import { decodeUtf8 } from '../../../bytes.ts'
import type { Clock } from '../../../store/driver/driver.ts'
import type { Cached } from '../../../store/driver/cached.ts'
import type { Entry, Head } from '../../../store/driver/entry.ts'
import { withinBytes } from '../../kit/byte-budget.ts'
import type { Connection } from '../file/connection.ts'
import { releaseAll } from '../file/held-moment.ts'
import type { StoreFile } from '../file/store-file.ts'
import { EntryCache } from './entry-cache.ts'
import { liveEntry, liveEntryWithin, liveHead, liveValue } from './lookup.ts'

/** What a commit of this process on the connection of the reads may have changed: the entries of these keys. */
export interface Changed {
  readonly connection: Connection
  readonly keys: readonly Uint8Array[]
}

/**
 * Reads of single keys. With a cache they see one moment of the store within a turn of the event loop: the first of them
 * begins a read transaction, and empties the cache if another connection has committed since the last one. It ends with the
 * turn, or with a commit of this process; the next read begins another.
 */
export class KeyReads implements Cached {
  readonly #file: StoreFile
  readonly #now: Clock
  readonly #cache: EntryCache | undefined
  /** Whether a read transaction is open that began when the cache was compared with the file. */
  #isCurrent = false
  /** What the cache is of: a connection, and the version of the store that it saw. */
  #connection: Connection | undefined
  #version = 0
  /** Whether a commit changes nothing but the entries of its keys, in that version: no bound, no trigger of another tool. */
  #isPlain: boolean | undefined

  /** @param cacheBytes how much memory a cache may take; 0: there is none */
  constructor(file: StoreFile, now: Clock, cacheBytes = 0) {
    this.#file = file
    this.#now = now
    if (cacheBytes > 0) this.#cache = new EntryCache(cacheBytes)
  }

  text(key: string): string | undefined {
    if (this.#cache === undefined || !(this.#isCurrent || this.#begin(this.#cache))) return undefined
    return this.#cache.text(key, this.#now)
  }

  bytes(key: string): Uint8Array | undefined {
    if (this.#cache === undefined || !(this.#isCurrent || this.#begin(this.#cache))) return undefined
    return this.#cache.value(key, this.#now)
  }

  /** The value of a key. Throws as `liveValue`. */
  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#cache === undefined) return this.#file.read((connection) => liveValue(connection, key, this.#now))
    const name = this.#nameOf(key)
    if (name === undefined) return this.#read(key)?.value
    return this.#cache.value(name, this.#now) ?? this.#read(key, name)?.value
  }

  /** The entry of a key. Throws as `liveEntry`. */
  entry(key: Uint8Array): Entry | undefined {
    const name = this.#nameOf(key)
    if (name === undefined) return this.#read(key)
    return this.#cache!.entry(name, this.#now) ?? this.#read(key, name)
  }

  /** The entry of a key without its value. Throws as `liveHead`. */
  head(key: Uint8Array): Head | undefined {
    if (this.#cache !== undefined && !this.#isCurrent) this.#begin(this.#cache)
    return this.#file.read((connection) => liveHead(connection, key, this.#now()))
  }

  /** The entries of several keys at one moment. Throws `KV_TOO_LARGE` before it reads more than `maxBytes`. */
  entries(keys: readonly Uint8Array[], maxBytes: number | undefined): (Entry | undefined)[] {
    const time = this.#now()
    const now = (): number => time
    const takes = maxBytes === undefined ? undefined : withinBytes(maxBytes)
    const one = (connection: Connection, key: Uint8Array): Entry | undefined => {
      const name = this.#nameOf(key)
      const cached = name === undefined ? undefined : this.#cache!.entry(name, now)
      if (cached === undefined) {
        const entry =
          takes === undefined ? liveEntry(connection, key, time) : liveEntryWithin(connection, key, time, takes)
        this.#keep(name, entry)
        return entry
      }
      takes?.(cached.key.length + cached.value.length)
      return cached
    }
    if (this.#cache !== undefined && !this.#isCurrent) this.#begin(this.#cache)
    const entries = this.#file.read((connection) => connection.snapshot(() => keys.map((key) => one(connection, key))))
    return entries ?? keys.map(() => undefined)
  }

  /** After a commit of this process: what it has changed, or may have, is forgotten. Without `changed` that is all. */
  committed(changed?: Changed): void {
    this.#file.committed()
    // Other stores of this process may be of the same file.
    releaseAll()
    if (this.#cache === undefined) return
    if (changed === undefined || !this.#changesOnlyKeys(changed.connection)) return this.#cache.clear()
    for (const key of changed.keys) {
      const name = decodeUtf8(key)
      if (name !== undefined) this.#cache.delete(name)
    }
  }

  /** The name of a key in the cache; `undefined` where it can have none, or the cache cannot be asked. */
  #nameOf(key: Uint8Array): string | undefined {
    if (this.#cache === undefined || !(this.#isCurrent || this.#begin(this.#cache))) return undefined
    return decodeUtf8(key)
  }

  #read(key: Uint8Array, name?: string): Entry | undefined {
    const entry = this.#file.read((connection) => liveEntry(connection, key, this.#now()))
    this.#keep(name, entry)
    return entry
  }

  #keep(name: string | undefined, entry: Entry | undefined): void {
    // The read may have found that another file has the name.
    if (name !== undefined && entry !== undefined && this.#isCurrent) this.#cache!.set(name, entry)
  }

  /** Begins a moment; false where there is no file, or it is read without locks. */
  #begin(cache: EntryCache): boolean {
    const held = this.#file.read((connection) => {
      if (connection.isUnlocked) return undefined
      return { connection, version: connection.moment.hold(() => (this.#isCurrent = false)) }
    })
    if (held?.connection !== this.#connection || held?.version !== this.#version) {
      cache.clear()
      this.#isPlain = undefined
    }
    this.#connection = held?.connection
    this.#version = held?.version ?? 0
    if (held === undefined) return false
    this.#isCurrent = true
    endOfTurn(() => held.connection.moment.release())
    return true
  }

  /** Whether a commit on a connection has changed nothing of the cache but the entries of its keys. */
  #changesOnlyKeys(connection: Connection): boolean {
    if (connection !== this.#connection) return false
    return (this.#isPlain ??= !connection.isBounded && !hasForeignTriggers(connection))
  }
}

/** Whether another tool has made triggers, which may change anything. */
function hasForeignTriggers(connection: Connection): boolean {
  const sql = `select 1 from sqlite_schema where type = 'trigger' and substr(name, 1, 3) <> 'kv_' limit 1`
  return connection.statement(sql).get() !== undefined
}
