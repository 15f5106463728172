import { LONGEST_TIMER_MS } from '../../async.ts'
import { decode } from '../../bytes.ts'
import { type Code, KvError, closedError } from '../../errors.ts'
import { FRAME, type Frame, FrameReader, FrameWriter, frameBytes } from '../../protocol/frames.ts'
import { errorOf } from '../../protocol/errors.ts'
import { EVENTS, FRAMES, LINES, PATHS, type ServerInfo } from '../../protocol/http-api.ts'
import type { Block, Blocks } from '../../blocks/block.ts'
import { withinBytes } from '../kit/byte-budget.ts'
import { Subscriptions } from '../kit/subscriptions.ts'
import type {
  Abortable,
  Changes,
  CheckOptions,
  CheckReport,
  DelOptions,
  Driver,
  GetManyOptions,
  JsonLinesOptions,
  LoadOptions,
  Limits,
  PutOptions,
  RangeQuery,
  Stat,
  Supports,
  WatchQuery,
} from '../../store/driver.ts'
import type { Entry, Head, Op, PutResult } from '../../store/entry.ts'
import { DEFAULT_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { expiresIn, json, revisionIn } from './answers.ts'
import { type Answer, type Call, HttpClient } from './client.ts'
import { Hold } from './hold.ts'
import { cutOff, wholeLines } from './lines.ts'
import { conditional, keyTarget, rangeTarget, serverUrl } from './target.ts'
import { speaksTls } from './tls-probe.ts'
import { blockBytes, blockChunks } from './upload.ts'
import { type Connect, EventFeed } from './watch.ts'

/**
 * How long a watch may be silent before its connection counts as lost, in milliseconds: servers show that it lives
 * far more often.
 */
const WATCH_SILENCE_MS = 60_000

/**
 * How often a load with nothing to send shows that it lives at the least, in milliseconds: servers give up after 30
 * s.
 */
const MAX_ALIVE_MS = 10_000

/**
 * How long the outcome of a load is waited for when nobody wants it any more, in milliseconds: it says how much is
 * stored.
 */
const LOAD_GRACE_MS = 2000

/**
 * The driver for a `kv serve` elsewhere: every operation is one request, atomic there. A write
 * whose answer is lost ends with `KV_UNKNOWN_OUTCOME` and is never sent twice.
 */
export class HttpDriver implements Driver {
  readonly name = 'http'
  readonly limits: Limits
  readonly supports: Supports
  readonly #client: HttpClient
  /** How often whoever has nothing to say shows that he lives, in milliseconds. */
  readonly #aliveMs: number
  readonly #loadsInParts: boolean
  readonly #writes = new Set<Promise<unknown>>()
  readonly #streams = new Set<Answer>()
  readonly #watches = new Subscriptions()
  #closed = false

  private constructor(client: HttpClient, timeoutMs: number, info: ServerInfo) {
    this.#client = client
    this.#aliveMs = timeoutMs / 3
    this.#loadsInParts = info.load_in_parts ?? false
    this.limits = {
      maxKeyBytes: info.max_key_bytes,
      maxValueBytes: info.max_value_bytes,
      maxEntryBytes: info.max_entry_bytes ?? Infinity,
      maxBatchOps: info.max_batch_ops,
      maxBatchBytes: info.max_batch_bytes,
      opOverheadBytes: info.op_overhead_bytes ?? 0,
      expiryStepMs: info.expiry_step_ms ?? 1,
      maxBatchesInFlight: 1,
    }
    this.supports = {
      syncReads: false,
      remote: true,
      snapshotRange: info.snapshot_range,
      persistent: info.persistent,
      unknownOutcome: true,
      repeatedKeys: true,
      watch: info.watch ?? false,
    }
  }

  /**
   * Asks the server at `http://HOST:PORT` or `https://HOST:PORT`, or at a path below, what it can do. Throws
   * `KV_USAGE` for another form of URL, `KV_NOT_SUPPORTED` for `sync: false`, `KV_UNAVAILABLE` when no kv server
   * answers there or the token is wrong.
   */
  static async open(
    location: string,
    { token, timeoutMs: wanted = DEFAULT_TIMEOUT_MS, sync = true, signal }: OpenOptions,
  ): Promise<HttpDriver> {
    const timeoutMs = Math.min(wanted, LONGEST_TIMER_MS)
    if (!sync) {
      const hint = 'that is set where the server is started: kv serve --no-sync'
      throw new KvError('KV_NOT_SUPPORTED', 'a server decides for itself whether its writes wait for the disk', {
        hint,
      })
    }
    const url = serverUrl(location)
    const client = new HttpClient(url, token, timeoutMs)
    try {
      const call: Call = { method: 'GET', path: PATHS.info, write: false, signal }
      return new HttpDriver(
        client,
        timeoutMs,
        await json<ServerInfo>(client, call, {
          snapshot_range: true,
          persistent: true,
          max_key_bytes: 0,
          max_value_bytes: 0,
          max_batch_bytes: 0,
          max_batch_ops: 0,
        }),
      )
    } catch (error) {
      client.close()
      const isMute =
        url.protocol === 'http:' && error instanceof KvError && error.code === 'KV_UNAVAILABLE' && !signal?.aborted
      if (!isMute || !(await speaksTls(url, timeoutMs))) throw error
      throw new KvError('KV_UNAVAILABLE', `${url.origin} speaks TLS`, {
        cause: error,
        hint: `try it as ${url.origin.replace('http:', 'https:')}`,
      })
    }
  }

  async get(key: Uint8Array, options?: Abortable): Promise<Uint8Array | undefined> {
    return (await this.getEntry(key, options))?.value
  }

  async getEntry(wanted: Uint8Array, { signal }: Abortable = {}): Promise<Entry | undefined> {
    const key = new Uint8Array(wanted)
    const call: Call = { method: 'GET', path: keyTarget(key), write: false, signal }
    const answer = await this.#call(call, [404])
    const body = await this.#client.bytes(answer, call)
    if (answer.status === 404) {
      this.#expect(call, answer, body, 'KV_NOT_FOUND')
      return undefined
    }
    if (answer.status !== 200) throw this.#client.failures.strange(call, answer)
    // A value that ends where the connection does may be half of one.
    if (answer.headers['content-length'] === undefined && answer.headers['transfer-encoding'] === undefined) {
      throw new KvError('KV_UNAVAILABLE', 'the answer does not say where the value ends', {
        hint: 'a proxy that speaks HTTP/1.0 cannot stand before kv serve',
      })
    }
    const value = new Uint8Array(body.buffer, body.byteOffset, body.length)
    return { key, value, revision: this.#revision(call, answer), expires: expiresIn(answer) }
  }

  async head(key: Uint8Array, { signal }: Abortable = {}): Promise<Head | undefined> {
    const call: Call = { method: 'HEAD', path: keyTarget(key), write: false, signal }
    const answer = await this.#call(call, [404])
    await this.#client.bytes(answer, call)
    if (answer.status === 404) return undefined
    const length = answer.headers['content-length']
    if (answer.status !== 200 || length === undefined) throw this.#client.failures.strange(call, answer)
    return { revision: this.#revision(call, answer), expires: expiresIn(answer), valueBytes: Number(length) }
  }

  async getMany(
    keys: readonly Uint8Array[],
    { maxBytes, signal }: GetManyOptions = {},
  ): Promise<(Entry | undefined)[]> {
    const writer = new FrameWriter()
    for (const key of keys) writer.add(FRAME.entry, key)
    const call: Call = {
      method: 'POST',
      path: PATHS.get,
      headers: { 'content-type': FRAMES },
      body: writer.take(),
      write: false,
      signal,
    }
    const entries: (Entry | undefined)[] = []
    const takes = withinBytes(maxBytes)
    for await (const frames of this.#frames(await this.#stream(call, FRAMES), call, maxBytes)) {
      for (const frame of frames) {
        takes(frame.key.length + frame.value.length)
        entries.push(frame.kind === FRAME.missing ? undefined : frame)
      }
    }
    return entries
  }

  put(key: Uint8Array, value: Uint8Array, { expires, ttl, condition, signal }: PutOptions = {}): Promise<PutResult> {
    const { headers, prefix } = conditional(condition)
    const query = ttl !== undefined ? `ttl=${ttl}ms` : expires !== undefined ? `expires=${expires}` : ''
    return this.#write(async () => {
      const body = prefix === undefined ? new Uint8Array(value) : Buffer.concat([prefix, value])
      const call: Call = { method: 'PUT', path: keyTarget(key, query), headers, body, write: true, signal }
      const answer = await this.#call(call, [412])
      const text = await this.#client.bytes(answer, call)
      if (answer.status === 412) {
        this.#expect(call, answer, text, 'KV_CONDITION')
        return { applied: false, created: false, revision: revisionIn(answer) ?? 0 }
      }
      if (answer.status !== 200 && answer.status !== 201) throw this.#client.failures.strange(call, answer)
      return { applied: true, created: answer.status === 201, revision: this.#revision(call, answer) }
    })
  }

  del(key: Uint8Array, { condition, signal }: DelOptions = {}): Promise<boolean> {
    const { headers, prefix } = conditional(condition)
    return this.#write(async () => {
      const call: Call = {
        method: 'DELETE',
        path: keyTarget(key),
        headers,
        ...(prefix === undefined ? {} : { body: prefix }),
        write: true,
        ifLost: 'read the key to see',
        signal,
      }
      const answer = await this.#call(call, [404, 412])
      const text = await this.#client.bytes(answer, call)
      if (answer.status === 204) return true
      this.#expect(call, answer, text, answer.status === 412 ? 'KV_CONDITION' : 'KV_NOT_FOUND')
      return false
    })
  }

  batch(ops: readonly Op[], { signal }: Abortable = {}): Promise<number> {
    const writer = new FrameWriter()
    for (const op of ops) {
      if (op.type === 'del') writer.add(FRAME.del, op.key)
      else writer.put(op)
    }
    const body = writer.take()
    return this.#write(async () => {
      const { revision } = await this.#json(
        {
          method: 'POST',
          path: PATHS.batch,
          headers: { 'content-type': FRAMES },
          body,
          write: true,
          ifLost: 'read one of its keys to see: all of it was done, or nothing',
          signal,
        },
        { revision: 0 },
      )
      return revision
    })
  }

  load(blocks: Blocks, { atomic = true, signal }: LoadOptions = {}): Promise<number> {
    // The size of blocks that are there is known; a server then takes the body whole before it begins.
    const known = Array.isArray(blocks)
      ? (blocks as Block[]).reduce((sum, block) => sum + blockBytes(block), frameBytes(NOTHING, NOTHING))
      : undefined
    return this.#write(async () => {
      const call: Call = {
        method: 'POST',
        path: atomic || !this.#loadsInParts ? PATHS.load : `${PATHS.load}?atomic=false`,
        headers: { 'content-type': FRAMES },
        body: blockChunks(blocks, Math.min(this.#aliveMs, MAX_ALIVE_MS)),
        length: known,
        write: true,
        ifLost: 'run it again; what is stored already does no harm',
        signal,
        graceMs: LOAD_GRACE_MS,
      }
      const { revision } = await this.#json(call, { revision: 0 })
      return revision
    })
  }

  delRange(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    return this.#write(async () => {
      const { deleted } = await this.#json(
        {
          method: 'DELETE',
          path: rangeTarget(PATHS.range, query, 'bounds', 'all=true'),
          write: true,
          ifLost: 'count the range to see: all of it was deleted, or nothing',
          signal,
        },
        { deleted: 0 },
      )
      return deleted
    })
  }

  async *range(query: RangeQuery, { signal }: Abortable = {}): AsyncGenerator<Entry[], void, void> {
    const call: Call = {
      method: 'GET',
      path: rangeTarget(PATHS.range, query, 'choice', query.keysOnly ? 'keys=true' : ''),
      headers: { accept: FRAMES },
      write: false,
      signal,
    }
    yield* this.#frames(await this.#stream(call, FRAMES), call)
  }

  jsonLines(query: RangeQuery, options: JsonLinesOptions = {}): AsyncIterable<Uint8Array> | undefined {
    return query.keysOnly ? undefined : this.#lines(query, options)
  }

  /** As the server's figures say: reading every key to find that none expires would carry them all here. */
  async anyExpires(options?: Abortable): Promise<boolean> {
    return (await this.stat(options)).expiring > 0
  }

  async count(query: RangeQuery, { signal }: Abortable = {}): Promise<number> {
    const { count } = await this.#json(
      { method: 'GET', path: rangeTarget(PATHS.count, query, 'choice'), write: false, signal },
      { count: 0 },
    )
    return count
  }

  async stat({ signal }: Abortable = {}): Promise<Stat> {
    const {
      driver,
      entries,
      expiring,
      revision,
      size_bytes: sizeBytes,
      details,
    } = await this.#json<Stat & { driver: string; size_bytes: number }>(
      { method: 'GET', path: PATHS.stat, write: false, signal },
      { driver: '', entries: 0, revision: 0 },
    )
    return { entries, expiring, revision, sizeBytes, details: { ...details, server_driver: driver } }
  }

  async check({ onProgress, signal }: CheckOptions = {}): Promise<CheckReport> {
    const {
      exists,
      checked,
      unchecked,
      damaged_keys_base64: damaged,
      problems,
    } = await this.#json<CheckReport & { damaged_keys_base64: string[] }>(
      { method: 'POST', path: PATHS.check, write: false, signal },
      { checked: 0, unchecked: 0, damaged_keys_base64: [], problems: [] },
    )
    onProgress?.(checked + unchecked)
    return {
      ...(exists === false && { exists }),
      checked,
      unchecked,
      problems,
      damagedKeys: damaged.map((key) => decode(key, 'base64') ?? NOTHING),
    }
  }

  async watch({ start, end, after }: WatchQuery, { signal }: Abortable = {}): Promise<Changes> {
    const path = rangeTarget(PATHS.watch, { start, end }, 'bounds')
    const hold = new Hold()
    const connect: Connect = async (from, ended) => {
      const headers = { accept: EVENTS, ...(from === undefined ? {} : { 'last-event-id': from }) }
      const call: Call = { method: 'GET', path, headers, write: false, apart: true, hold, signal: ended }
      return this.#client.chunks(await this.#stream(call, EVENTS), { ...call, silenceMs: WATCH_SILENCE_MS })
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
    this.#closed = true
    await this.#watches.close()
    for (const { body } of this.#streams) body.destroy(closedError())
    await Promise.allSettled(this.#writes)
    this.#client.close()
  }

  #call(call: Call, expected?: readonly number[]): Promise<Answer> {
    return this.#client.call(call, expected)
  }

  /** An answer of a media type. */
  async #stream(call: Call, type: string): Promise<Answer> {
    const answer = await this.#call(call)
    if (answer.headers['content-type'] === type) return answer
    answer.body.destroy()
    throw this.#client.failures.strange(call, answer)
  }

  #json<T extends object>(call: Call, like: Partial<T>): Promise<T> {
    return json(this.#client, call, like)
  }

  #revision(call: Call, answer: Answer): number {
    const revision = revisionIn(answer)
    if (revision === undefined) throw this.#client.failures.strange(call, answer)
    return revision
  }

  #write<T>(step: () => Promise<T>): Promise<T> {
    const write = step()
    this.#writes.add(write)
    const done = (): void => void this.#writes.delete(write)
    write.then(done, done)
    return write
  }

  /** The chunks of an answer, which `close()` ends with `KV_CLOSED`. */
  async *#chunks(answer: Answer, call: Call): AsyncGenerator<Buffer, void, void> {
    if (this.#closed) {
      answer.body.destroy()
      throw closedError()
    }
    this.#streams.add(answer)
    try {
      yield* this.#client.chunks(answer, call)
    } finally {
      this.#streams.delete(answer)
    }
  }

  /** @param maxValueBytes above which a value is refused before it is collected */
  async *#frames(answer: Answer, call: Call, maxValueBytes = 2 ** 30): AsyncGenerator<Frame[], void, void> {
    const reader = new FrameReader({ maxKeyBytes: 2 ** 30, maxValueBytes })
    for await (const chunk of this.#chunks(answer, call)) {
      const frames = reader.push(chunk)
      const last = frames.at(-1)
      if (last === undefined || last.kind <= FRAME.missing) {
        if (frames.length > 0) yield frames
        continue
      }
      if (frames.length > 1) yield frames.slice(0, -1)
      if (last.kind === FRAME.end) return
      throw errorOf(last)
    }
    throw cutOff()
  }

  async *#lines(query: RangeQuery, { signal }: JsonLinesOptions): AsyncGenerator<Uint8Array, void, void> {
    const call: Call = {
      method: 'GET',
      path: rangeTarget(PATHS.range, query, 'choice'),
      headers: { accept: LINES },
      write: false,
      signal,
    }
    yield* wholeLines(this.#chunks(await this.#stream(call, LINES), call))
  }

  /** That a refusal comes from the store, not from something between that knows no such path. */
  #expect(call: Call, answer: Answer, body: Buffer, code: Code): void {
    if (!body.includes(`"${code}"`)) throw this.#client.failures.strange(call, answer)
  }
}

const NOTHING = new Uint8Array()
