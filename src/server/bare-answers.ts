/** Answers to what never becomes a request with a route. */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { HEADERS } from './protocol.ts'

/** Ends a connection with a refusal, where there is no response to write it to. */
export function endWith(socket: Socket, status: string, detail: string, headers = ''): void {
  const body = JSON.stringify({ detail })
  socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${HEADERS.server}: 1\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
}

/** Gives a detail to refusals that Node would make without a word. */
export function answerBare(server: Server): void {
  server.on('checkExpectation', (request, response) => {
    const body = JSON.stringify({ detail: `nothing but 100-continue can be expected here: ${JSON.stringify(request.headers.expect)}` })
    response.writeHead(417, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), [HEADERS.server]: '1', connection: 'close' }).end(body)
  })
  server.on('connect', (_request, stream) => {
    const socket = stream as Socket
    // The socket is no longer the server's: nobody else hears of its errors or closes it.
    socket.on('error', () => socket.destroy()).on('finish', () => socket.destroy())
    endWith(socket, '405 Method Not Allowed', 'Method Not Allowed', 'allow: GET, HEAD, PUT, POST, DELETE\r\n')
  })
}
