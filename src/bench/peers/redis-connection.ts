import { once } from 'node:events'
import { type Socket, createConnection } from 'node:net'

interface Waiting {
  resolve(value: string | undefined): void
  reject(error: Error): void
}

const LF = 0x0a

/** Patience with a server that is to answer, in milliseconds. */
const ANSWER_MS = 60_000

/**
 * As much of the Redis protocol (RESP2) as the benchmark needs: commands out, answers in their
 * order, each a status, a number, a bulk string or nothing.
 */
export class RedisConnection {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  #pending: Buffer = Buffer.alloc(0)
  #over: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (data: Buffer) => this.#take(data))
    socket.on('error', (error) => this.#fail(error))
    socket.setTimeout(ANSWER_MS, () => {
      if (this.#waiting.length > 0) socket.destroy(new Error(`no answer for ${ANSWER_MS / 1000} s`))
    })
    socket.on('close', () => this.#fail(new Error('the redis-server is gone')))
  }

  /** Connects to a socket in the file system. */
  static async open(path: string): Promise<RedisConnection> {
    const socket = createConnection(path)
    await once(socket, 'connect')
    return new RedisConnection(socket)
  }

  /** Sends a command; resolves to the text of its answer, `undefined` for a missing value. */
  send(words: readonly (string | Buffer)[]): Promise<string | undefined> {
    const parts: (string | Buffer)[] = [`*${words.length}\r\n`]
    for (const word of words) parts.push(`$${Buffer.byteLength(word)}\r\n`, word, '\r\n')
    const command = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over)
      this.#waiting.push({ resolve, reject })
      this.#socket.write(command)
    })
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    let bytes = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data])
    for (;;) {
      const end = bytes.indexOf(LF)
      if (end === -1) break
      const line = bytes.toString('latin1', 1, end - 1)
      let next = end + 1
      let text: string | undefined = line
      if (bytes[0] === 0x24) {
        const length = Number(line)
        if (length >= 0 && bytes.length < next + length + 2) break
        text = length < 0 ? undefined : bytes.toString('latin1', next, next + length)
        if (length >= 0) next += length + 2
      }
      const waiting = this.#waiting.shift()
      if (bytes[0] === 0x2d) waiting?.reject(new Error(line))
      else waiting?.resolve(text)
      bytes = bytes.subarray(next)
    }
    this.#pending = bytes
  }

  #fail(error: Error): void {
    this.#over ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over)
  }
}
