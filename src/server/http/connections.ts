import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { Server as Listener, Socket } from 'node:net'
import { isBun } from '../../process/c-library.ts'
import { cutOff, isStreamed } from './streams.ts'

/** A connection with the answer that is to go out on it next, as Node keeps it. */
export type HttpSocket = Socket & { _httpMessage?: ServerResponse<IncomingMessage> | null }

/** The connections of a server, as TCP has them: those with TLS count before they have shaken hands too. */
export class Connections {
  readonly #sockets = new Set<Socket>()
  /** In Bun, which does not count what came in: those on which a request has come. */
  readonly #asked = new WeakSet<Socket>()
  /** What listens for the server besides itself. */
  readonly #listeners: Listener[] = []
  /** Settles when these have closed with the last of their connections. */
  #closed: Promise<unknown> | undefined

  /** @param max connections at a time; more are closed at once */
  constructor(server: Server, { max, sendTimeoutMs }: { max: number; sendTimeoutMs: number }) {
    server.on('connection', (socket: Socket) => {
      if (this.#sockets.size >= max) {
        socket.destroy()
        return
      }
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    if (isBun) server.on('request', ({ socket }) => void this.#asked.add(socket))
    // Replaces what Node does at a silence, which is to close the connection whoever is silent.
    server.on('timeout', (socket: HttpSocket) => {
      const { _httpMessage: response, timeout = 0 } = socket
      if (isAtWork(socket)) return
      // Node sets the time anew when the answer is over.
      if (response && isStreamed(response) && timeout < sendTimeoutMs) socket.setTimeout(sendTimeoutMs)
      else endAnswer(socket)
    })
  }

  /** Counts also what comes in through another listener that hands its connections to the server. */
  addListener(listener: Listener): void {
    this.#listeners.push(listener)
  }

  /** Ends the other listeners; their connections stay. */
  stopAccepting(): void {
    this.#closed = Promise.all(this.#listeners.map((listener) => once(listener.close(), 'close')))
  }

  /** Settles when the other listeners are closed, and what came through them. */
  async allClosed(): Promise<void> {
    await this.#closed
  }

  /** Closes the connections on which nothing has come yet. */
  closeUnused(): void {
    for (const socket of this.#sockets) if (isBun ? !this.#asked.has(socket) : socket.bytesRead === 0) socket.destroy()
  }

  /** Closes every connection. */
  closeAll(): void {
    for (const socket of this.#sockets) endAnswer(socket)
  }
}

/** Closes a connection, with a reset where that cuts off an answer: see {@link cutOff}. */
function endAnswer(socket: HttpSocket): void {
  const { _httpMessage: response } = socket
  if (response?.headersSent) cutOff(response)
  socket.destroy()
}

/** Whether the server has something to do: a request has come, and the client has taken all that was sent. */
function isAtWork({ _httpMessage: response }: HttpSocket): boolean {
  if (!response || response.writableEnded || response.writableLength > 0) return false
  return response.req.complete || response.req.readableLength > 0
}
