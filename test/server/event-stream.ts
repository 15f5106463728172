import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'

/** A server-sent event, its fields as they stand in the stream. */
export type Fields = Readonly<Record<string, string>>

/** The answer to a watch, read event by event. */
export class EventStream {
  readonly answer: IncomingMessage
  /** Everything that arrived. */
  raw = ''
  #isOver = false
  #wake = (): void => {}
  #read = 0

  private constructor(answer: IncomingMessage) {
    this.answer = answer
    answer.setEncoding('utf8')
    answer.on('data', (text: string) => {
      this.raw += text
      this.#wake()
    })
    answer.on('error', () => {})
    answer.on('close', () => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** Asks for a watch; `path` with its query. */
  static async open(url: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const request = http.get(new URL(path, url), { headers, agent: false })
    onTestFinished(() => void request.destroy())
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return new EventStream(answer)
  }

  /** The next event that carries data, or only an id; `undefined` at the end of the stream. */
  async next(): Promise<Fields | undefined> {
    for (;;) {
      const end = this.raw.indexOf('\n\n', this.#read)
      if (end >= 0) {
        const lines = this.raw.slice(this.#read, end).split('\n')
        this.#read = end + 2
        return Object.fromEntries(
          lines
            .filter((line) => !line.startsWith(':'))
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        )
      }
      if (this.#isOver) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** The next event that carries data. */
  async event(): Promise<Fields> {
    for (;;) {
      const fields = await this.next()
      if (fields === undefined) throw new Error(`the stream ended: ${this.raw}`)
      if (fields['data'] !== undefined) return fields
    }
  }

  /** Everything, once the server has ended the answer, which must be whole. */
  async rest(): Promise<string> {
    if (!this.#isOver) await once(this.answer, 'close')
    if (!this.answer.complete) throw new Error('the answer is cut off')
    return this.raw
  }
}
