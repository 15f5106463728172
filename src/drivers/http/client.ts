import { Readable } from 'node:stream'
import { closedError } from '../../errors.ts'
import { parseObject } from '../../protocol/errors.ts'
import { HEADERS, LATE, type LateAnswer } from '../../protocol/http-api.ts'
import type { Answer, Call } from './call.ts'
import { Failures, Silence } from './failures.ts'
import { Transport } from './transport.ts'

/** Longest body of an error that is read, in bytes. */
const MAX_ERROR_BYTES = 1 << 16

/** Calls one server: sends requests, and reads their answers. */
export class HttpClient {
  /** The errors of this server's answers. */
  readonly failures: Failures
  readonly #transport: Transport
  readonly #timeoutMs: number
  /** Writes whose answer has not come. */
  readonly #writes = new Set<Promise<unknown>>()
  /** Bodies that are read as they come. */
  readonly #streams = new Set<Readable>()
  #isClosed = false

  /** @param timeoutMs how long the server may be silent while something is wanted of it */
  constructor(url: URL, token: string | undefined, timeoutMs: number) {
    this.failures = new Failures(url.origin)
    this.#timeoutMs = timeoutMs
    this.#transport = new Transport(url, token, timeoutMs, this.failures)
  }

  /**
   * A whole answer, one of `call.answers`. Throws what the server said for any other status that is an error,
   * `KV_UNAVAILABLE` when the server cannot be reached or the answer to a read is lost or not from kv, and
   * `KV_UNKNOWN_OUTCOME` when the answer to a write is.
   */
  request(call: Call): Promise<Answer<Buffer>> {
    const answer = this.#request(call)
    if (call.write) {
      this.#writes.add(answer)
      const settled = (): void => void this.#writes.delete(answer)
      answer.then(settled, settled)
    }
    return answer
  }

  /** An answer in JSON, its fields of the types of those of `like`. Throws what requests throw. */
  async json<T extends object>(call: Call, like: Partial<T>): Promise<T> {
    const answer = await this.request(call)
    const value = parseObject(answer.body.toString())
    const isAlike =
      value !== undefined &&
      Object.entries(like).every(
        ([name, example]) =>
          typeof value[name] === typeof example && Array.isArray(value[name]) === Array.isArray(example),
      )
    if (!isAlike) throw this.failures.notKv(call, answer)
    return value as T
  }

  /**
   * The chunks of an answer of a media type as they come. Throws what requests throw, and `KV_CLOSED` once the client
   * is closed. Leaving the loop ends the connection.
   * @param silenceMs how long the server may say nothing once the answer has begun, in milliseconds
   */
  async *stream(call: Call, type: string, silenceMs?: number): AsyncGenerator<Buffer, void, void> {
    const answer = await this.#call(call)
    const { body } = answer
    try {
      if (answer.headers['content-type'] !== type) throw this.failures.notKv(call, answer)
      if (this.#isClosed) throw closedError()
      this.#streams.add(body)
      yield* this.#chunks(answer, silenceMs === undefined ? call : { ...call, silenceMs })
    } finally {
      this.#streams.delete(body)
      body.destroy()
    }
  }

  /** Ends what is read with `KV_CLOSED`, waits for the answers to writes, and ends every connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const body of this.#streams) body.destroy(closedError())
    await Promise.allSettled(this.#writes)
    this.#transport.close()
  }

  async #request(call: Call): Promise<Answer<Buffer>> {
    const answer = await this.#call(call)
    const body = await this.#bytes(answer, call)
    const expected = (call.answers ?? { 200: 'done' })[answer.status]
    if (expected === undefined || (expected !== 'done' && call.method !== 'HEAD' && !body.includes(`"${expected}"`)))
      throw this.failures.notKv(call, answer)
    return { ...answer, body }
  }

  /** An answer that has begun and is no error, or an error in `call.answers`. */
  async #call(call: Call): Promise<Answer> {
    const first = await this.#transport.send(call)
    if (first.headers[HEADERS.server] === undefined) {
      first.body.destroy()
      throw this.failures.notKv(call, first)
    }
    const answer = first.headers['content-type'] === LATE ? await this.#late(first, call) : first
    const { status } = answer
    if ((status >= 200 && status < 300) || call.answers?.[status] !== undefined) return answer
    throw this.failures.refusal(call, answer, (await this.#bytes(answer, call, MAX_ERROR_BYTES)).toString())
  }

  /** The answer that is within a late one. */
  async #late(answer: Answer, call: Call): Promise<Answer> {
    const text = (await this.#bytes(answer, call)).toString()
    let late: LateAnswer
    try {
      late = JSON.parse(text) as LateAnswer
    } catch (cause) {
      throw this.failures.lost(call, cause)
    }
    return {
      status: late.status,
      headers: { ...answer.headers, ...late.headers },
      body: Readable.from([Buffer.from(late.body)]),
    }
  }

  async #bytes(answer: Answer, call: Call, max = Infinity): Promise<Buffer> {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.#chunks(answer, call)) {
      chunks.push(chunk)
      length += chunk.length
      if (length > max) break
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** Only the time that is waited for a chunk counts as silence. */
  async *#chunks({ body }: Answer, call: Call): AsyncGenerator<Buffer, void, void> {
    const { silenceMs = this.#timeoutMs } = call
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer, void>
    try {
      for (;;) {
        const timer = setTimeout(() => body.destroy(new Silence(silenceMs)), silenceMs)
        call.hold?.keep('timer', timer)
        const { value, done } = await chunks.next().finally(() => clearTimeout(timer))
        if (done === true) return
        yield value
      }
    } catch (cause) {
      throw this.failures.lost(call, cause)
    } finally {
      await chunks.return?.()
    }
  }
}
