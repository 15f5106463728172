/** Answers to what never becomes a request with a route. */
import { STATUS_CODES, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { bodyText } from '../../protocol/errors.ts'
import type { HttpSocket } from './connections.ts'
import { isLingering, lingeringClose } from './lingering-close.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import type { RequestLog } from './request-log.ts'

/** What is refused, by Node's code, before there is a request. */
const REFUSALS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'the address or the headers are too long'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request took too long to arrive'],
  HPE_INVALID_URL: [400, 'the address holds bytes that must be percent-encoded (\u00e9 is %C3%A9, a blank is %20)'],
  // A blank in an address ends it.
  HPE_INVALID_CONSTANT: [
    400,
    'after the address stands something other than HTTP/1.1; a blank within it must be percent-encoded (%20)',
  ],
  HPE_INVALID_VERSION: [400, 'this speaks HTTP/1.1'],
}

const NOT_HTTP = [400, 'this is not HTTP as the server understands it'] as const

/** Connections whose refusal waits for answers to what came before. */
const waiting = new WeakSet<Socket>()

/** Answers what is no HTTP, too long or too slow. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket, log: RequestLog | undefined): void {
  if (isLingering(socket) || waiting.has(socket)) return
  const { _httpMessage: response } = socket as HttpSocket
  if (error.code === 'ECONNRESET' || !socket.writable || (response && response.headersSent && !response.req.complete)) {
    socket.destroy()
    return
  }
  if (response?.req.complete) {
    // A request before it that has come whole has an answer of its own: a refusal in its place would say that nothing
    // was done.
    waiting.add(socket)
    response.once('close', () => {
      waiting.delete(socket)
      answerClientError(error, socket, log)
    })
    return
  }
  const [status, detail] = REFUSALS[error.code ?? ''] ?? NOT_HTTP
  endWith(socket, status, detail)
  lingeringClose(socket)
  log?.refused(socket, status, detail)
}

/** Ends a connection with a refusal, where there is no response to write it to. */
function endWith(socket: Socket, status: number, detail: string, headers = ''): void {
  const body = bodyText({ detail })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n${HEADERS.server}: 1\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/** Gives a detail to refusals that Node would make without a word. */
export function answerUnrouted(server: Server, log: RequestLog | undefined): void {
  server.on('checkExpectation', (request, response) => {
    const detail = `nothing but 100-continue can be expected here: ${JSON.stringify(request.headers.expect)}`
    const body = bodyText({ detail })
    response
      .writeHead(417, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        [HEADERS.server]: '1',
        connection: 'close',
      })
      .end(body)
    log?.refused(request.socket, 417, detail)
  })
  server.on('connect', (_request, stream) => {
    const socket = stream as Socket
    // The socket is no longer the server's: nobody else hears of its errors or closes it.
    socket.on('error', () => socket.destroy()).on('finish', () => socket.destroy())
    endWith(socket, 405, 'Method Not Allowed', 'allow: GET, HEAD, PUT, POST, DELETE\r\n')
    log?.refused(socket, 405, 'CONNECT')
  })
}
