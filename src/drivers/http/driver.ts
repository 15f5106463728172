import { decode } from '../../bytes.ts'
import { FRAME, FrameWriter } from '../../protocol/frames.ts'
import { EVENTS, FRAMES, LINES, PATHS, type ServerInfo } from '../../protocol/http-api.ts'
import type { Blocks } from '../../blocks/block.ts'
import { withinBytes } from '../kit/byte-budget.ts'
import { Subscriptions } from '../kit/subscriptions.ts'
import type {
  Abortable,
  Changes,
  CheckOptions,
  CheckReport,
  DriverBatchOptions,
  DriverDelOptions,
  Driver,
  GetManyOptions,
  Limits,
  DriverPutOptions,
  RangeQuery,
  Stat,
  Supports,
  TextOptions,
  WatchQuery,
} from '../../store/driver/driver.ts'
import type { DriverLoadOptions } from '../../store/driver/load.ts'
import type { Usage, UsageProgress, UsageQuery } from '../../store/driver/usage.ts'
import type { Entry, Head, Op, PutResult } from '../../store/driver/entry.ts'
import type { OpenOptions } from '../options.ts'
import { framesOf, revisionIn, usageIn, wholeLines } from './answers.ts'
import type { Call } from './call.ts'
import type { HttpClient } from './client.ts'
import { entryFrom, headFrom, revisionOfAnswer } from './entries.ts'
import { HttpHistory } from './history.ts'
import { limitsOf, reach, supportsOf } from './reach.ts'
import { Hold } from './hold.ts'
import { boundsOf, conditional, keyPath, rangeOf, rangePath, usagePath, withQuery } from './target.ts'
import { blockChunks, olderServer, totalBytes } from './upload.ts'
import { type Connect, EventFeed } from './watch.ts'

/** How long a watch may be silent before its connection counts as lost, in milliseconds: far longer than one is. */
const WATCH_SILENCE_MS = 60_000

/** How long the outcome of an aborted load is waited for, in milliseconds: it says how much is stored. */
const LOAD_GRACE_MS = 2000

/** Calls that change nothing. */
const GET = { method: 'GET', write: false } as const

/** The headers of a body of frames. */
const FRAMED = { 'content-type': FRAMES }

/** The driver for a `kv serve` elsewhere: every operation is one atomic request, and a write is never sent twice. */
export class HttpDriver implements Driver {
  readonly name = 'http'
  readonly limits: Limits
  readonly supports: Supports
  /** Absent where the server is older than that, or its store keeps none. */
  readonly history?: HttpHistory
  readonly #client: HttpClient
  /** How often whoever has nothing to say shows that he lives, in milliseconds. */
  readonly #aliveMs: number
  readonly #info: ServerInfo
  readonly #watches = new Subscriptions()

  private constructor(client: HttpClient, timeoutMs: number, info: ServerInfo) {
    this.#client = client
    this.#aliveMs = timeoutMs / 3
    this.#info = info
    this.limits = limitsOf(info)
    this.supports = supportsOf(info)
    if (info.history === true) this.history = new HttpHistory(client)
  }

  /** Asks the server at a URL what it can. Throws `KV_USAGE`, `KV_NOT_SUPPORTED`, `KV_DENIED`, `KV_UNAVAILABLE`. */
  static async open(location: string, options: OpenOptions): Promise<HttpDriver> {
    const { client, info, timeoutMs } = await reach(location, options)
    return new HttpDriver(client, timeoutMs, info)
  }

  async get(key: Uint8Array, options?: Abortable): Promise<Uint8Array | undefined> {
    return (await this.getEntry(key, options))?.value
  }

  getEntry(key: Uint8Array, { signal }: Abortable = {}): Promise<Entry | undefined> {
    return entryFrom(this.#client, keyPath(key), key, signal)
  }

  head(key: Uint8Array, { signal }: Abortable = {}): Promise<Head | undefined> {
    return headFrom(this.#client, keyPath(key), signal)
  }

  async getMany(
    keys: readonly Uint8Array[],
    { maxBytes, signal }: GetManyOptions = {},
  ): Promise<(Entry | undefined)[]> {
    const writer = new FrameWriter()
    for (const key of keys) writer.add(FRAME.entry, key)
    const call: Call = { ...GET, method: 'POST', path: PATHS.get, headers: FRAMED, body: writer.take(), signal }
    const entries: (Entry | undefined)[] = []
    const takes = withinBytes(maxBytes)
    for await (const frames of framesOf(this.#client.stream(call, FRAMES), maxBytes)) {
      for (const frame of frames) {
        takes(frame.key.length + frame.value.length)
        entries.push(frame.kind === FRAME.missing ? undefined : frame)
      }
    }
    return entries
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    { expires, ttl, condition, signal }: DriverPutOptions = {},
  ): Promise<PutResult> {
    const { headers, prefix } = conditional(condition)
    const call: Call = {
      method: 'PUT',
      path: keyPath(key, ttl === undefined ? { expires } : { ttl: `${ttl}ms` }),
      headers,
      body: prefix === undefined ? new Uint8Array(value) : Buffer.concat([prefix, value]),
      write: true,
      answers: { 200: 'done', 201: 'done', 412: 'KV_CONDITION' },
      signal,
    }
    const answer = await this.#client.request(call)
    if (answer.status === 412) return { applied: false, created: false, revision: revisionIn(answer) ?? 0 }
    return { applied: true, created: answer.status === 201, revision: revisionOfAnswer(this.#client, call, answer) }
  }

  async del(key: Uint8Array, { condition, signal }: DriverDelOptions = {}): Promise<boolean> {
    const { headers, prefix: body } = conditional(condition)
    const { status } = await this.#client.request({
      method: 'DELETE',
      path: keyPath(key),
      headers,
      ...(body && { body }),
      write: true,
      answers: { 204: 'done', 404: 'KV_NOT_FOUND', 412: 'KV_CONDITION' },
      ifLost: 'read the key to see',
      signal,
    })
    return status === 204
  }

  async batch(ops: readonly Op[], { conditions = [], signal }: DriverBatchOptions = {}): Promise<number> {
    if (conditions.length > 0 && this.#info.batch_conditions !== true)
      throw olderServer('takes no conditions in a batch')
    const writer = new FrameWriter()
    for (const condition of conditions) writer.condition(condition)
    for (const op of ops) {
      if (op.type === 'del') writer.add(FRAME.del, op.key)
      else writer.put(op)
    }
    const call: Call = {
      method: 'POST',
      path: PATHS.batch,
      headers: FRAMED,
      body: writer.take(),
      write: true,
      ifLost: 'read one of its keys to see: all of it was done, or nothing',
      signal,
    }
    return (await this.#client.json(call, { revision: 0 })).revision
  }

  async load(
    blocks: Blocks,
    { atomic = true, ifAbsent = false, onExisting, signal }: DriverLoadOptions = {},
  ): Promise<number> {
    const { load_in_parts: inParts, load_deletes: takesDeletes = false, load_if_absent: takesIfAbsent } = this.#info
    if (ifAbsent && takesIfAbsent !== true) throw olderServer('cannot put only absent keys in a load')
    const call: Call = {
      method: 'POST',
      path: withQuery(PATHS.load, {
        atomic: atomic || inParts !== true ? undefined : false,
        if_absent: ifAbsent || undefined,
      }),
      headers: FRAMED,
      body: blockChunks(blocks, { aliveMs: this.#aliveMs, takesDeletes }),
      // With a length that is known, a server takes the body whole before it begins.
      length: totalBytes(blocks),
      write: true,
      ifLost: 'run it again; what is stored already does no harm',
      signal,
      graceMs: LOAD_GRACE_MS,
    }
    const like = { revision: 0, ...(ifAbsent && { existing: 0 }) }
    const { revision, existing = 0 } = await this.#client.json<{ revision: number; existing?: number }>(call, like)
    if (ifAbsent) onExisting?.(existing)
    return revision
  }

  async delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const call: Call = {
      method: 'DELETE',
      path: withQuery(PATHS.range, { ...boundsOf(query), all: true }),
      write: true,
      ifLost: 'count the range to see: all of it was deleted, or nothing',
      signal,
    }
    return (await this.#client.json(call, { deleted: 0 })).deleted
  }

  range(query: RangeQuery, { signal }: Abortable = {}): AsyncGenerator<Entry[], void, void> {
    return framesOf(this.#stream(rangePath(query), FRAMES, signal))
  }

  rangeText(query: RangeQuery, { form = 'jsonl', signal }: TextOptions = {}): AsyncIterable<Uint8Array> | undefined {
    return query.keysOnly || form !== 'jsonl' ? undefined : wholeLines(this.#stream(rangePath(query), LINES, signal))
  }

  /** As the server's figures say: reading every key to find that none expires would carry them all here. */
  async anyExpires({ start, end }: RangeQuery, options?: Abortable): Promise<boolean | undefined> {
    if ((await this.stat(options)).expiring === 0) return false
    return start === undefined && end === undefined ? true : undefined
  }

  async count(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const path = withQuery(PATHS.count, rangeOf({ ...query, keysOnly: false }))
    return (await this.#client.json({ ...GET, path, signal }, { count: 0 })).count
  }

  usage(query: UsageQuery, options: UsageProgress = {}): AsyncIterable<Usage[]> | undefined {
    if (this.#info.usage !== true) return undefined
    return usageIn(wholeLines(this.#stream(usagePath(query), LINES, options.signal)), options)
  }

  async stat({ signal }: Abortable = {}): Promise<Stat> {
    const {
      driver,
      size_bytes: sizeBytes,
      details,
      ...counts
    } = await this.#client.json<StatBody>({ ...GET, path: PATHS.stat, signal }, { driver: '', entries: 0, revision: 0 })
    return { ...counts, sizeBytes, details: { ...details, server_driver: driver } }
  }

  async check({ onProgress, signal }: CheckOptions = {}): Promise<CheckReport> {
    const { damaged_keys_base64: damaged, ...report } = await this.#client.json<CheckBody>(
      { ...GET, method: 'POST', path: PATHS.check, signal },
      { checked: 0, unchecked: 0, damaged_keys_base64: [], problems: [] },
    )
    onProgress?.(report.checked + report.unchecked)
    return { ...report, damagedKeys: damaged.map((key) => decode(key, 'base64') ?? NOTHING) }
  }

  async watch({ start, end, after }: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    const path = withQuery(PATHS.watch, boundsOf({ start, end }))
    const hold = new Hold()
    const connect: Connect = async (from, ended) => {
      const headers = { accept: EVENTS, ...(from === undefined ? {} : { 'last-event-id': from }) }
      return this.#client.stream({ ...GET, path, headers, apart: true, hold, signal: ended }, EVENTS, WATCH_SILENCE_MS)
    }
    const feed = new EventFeed(connect, hold, after)
    const watch = this.#watches.add(feed, signal)
    try {
      await feed.open()
    } catch (error) {
      void watch.fail(error)
      // Throws that error, or what has ended the watch before it.
      await watch.next()
    }
    return watch
  }

  async close(): Promise<void> {
    await this.#watches.close()
    await this.#client.close()
  }

  /** The chunks of an answer in a media type. */
  #stream(path: string, type: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, void> {
    return this.#client.stream({ ...GET, path, headers: { accept: type }, signal }, type)
  }
}

type StatBody = Omit<Stat, 'sizeBytes'> & { readonly driver: string; readonly size_bytes: number }
type CheckBody = Omit<CheckReport, 'damagedKeys'> & { readonly damaged_keys_base64: readonly string[] }

const NOTHING = new Uint8Array()
