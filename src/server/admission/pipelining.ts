import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { busy } from '../http/http-error.ts'

/** A request that came on a connection while another was not answered yet, or that other one. */
interface Piped {
  readonly response: ServerResponse
  readonly safe: boolean
  /** Goes on with the request; `undefined` once it has. */
  run: (() => void) | undefined
}

const LINE = Symbol('line')

type PipedSocket = Socket & { [LINE]?: Piped[]; _httpMessage?: ServerResponse | null }

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Requests of one connection that wait or are under way at most. */
const MAX_PIPED = 1000

/** Whether an earlier request of the connection is not answered yet: Node gives a response the socket only then. */
export function isPipelined(response: ServerResponse): boolean {
  return response.socket === null
}

/** Runs a pipelined request once the ones before it are answered, or all only read (RFC 9112, 9.3.2). Throws 503. */
export function afterEarlier(request: IncomingMessage, response: ServerResponse, run: () => void): void {
  const socket = request.socket as PipedSocket
  const line = (socket[LINE] ??= newLine(socket))
  if (line.length >= MAX_PIPED) throw busy(`${MAX_PIPED} requests of this connection are under way`)
  // Of the first one nothing was noted: most connections never have a second at a time.
  const current = socket._httpMessage
  if (current && !line.some((one) => one.response === current))
    follow(socket, line, { response: current, safe: isSafe(current.req), run: undefined })
  follow(socket, line, { response, safe: isSafe(request), run })
  runNext(line)
}

function newLine(socket: PipedSocket): Piped[] {
  const line: Piped[] = []
  socket.once('close', () => {
    for (const { response, run } of line.splice(0)) {
      // Node tells only the response that has the socket that the client is gone.
      if (run === undefined && response.socket === null) response.destroy().emit('close')
    }
  })
  return line
}

function follow(socket: Socket, line: Piped[], piped: Piped): void {
  line.push(piped)
  piped.response.once('close', () => {
    const at = line.indexOf(piped)
    if (at >= 0) line.splice(at, 1)
    if (!socket.destroyed) runNext(line)
  })
}

function runNext(line: readonly Piped[]): void {
  for (const [i, piped] of line.entries()) {
    if (i > 0 && !piped.safe) return
    const { run } = piped
    piped.run = undefined
    run?.()
    if (!piped.safe) return
  }
}

function isSafe({ method = '' }: IncomingMessage): boolean {
  return SAFE.has(method)
}
