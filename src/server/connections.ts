import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A connection with the answer that is to go out on it next, as Node keeps it. */
export type HttpSocket = Socket & { _httpMessage?: ServerResponse<IncomingMessage> | null }

/** The connections of a server, as TCP has them: those with TLS count before they have shaken hands too. */
export class Connections {
  readonly #sockets = new Set<Socket>()

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    // Replaces what Node does at a silence, which is to close the connection whoever is silent.
    server.on('timeout', (socket: HttpSocket) => {
      if (!isAtWork(socket)) socket.destroy()
    })
  }

  /** Closes the connections on which nothing has come yet. */
  closeUnused(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
  }

  /** Closes every connection. */
  closeAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** Whether it is the server's turn: it has the request, or more of it than it has taken, and the client has taken all that was sent. */
function isAtWork({ _httpMessage: response }: HttpSocket): boolean {
  if (!response || response.writableEnded || response.writableLength > 0) return false
  return response.req.complete || response.req.readableLength > 0
}
