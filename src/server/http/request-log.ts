import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { asBuffer } from '../../bytes.ts'
import { PARAMETERS } from '../../protocol/http-api.ts'
import { escapeJson } from '../../safe-text.ts'
import { percentDecode, targetOf } from './request-target.ts'

/** Parameters logged with their values; of others only the name is, since they may hold a stored value. */
const SHOWN = new Set<string>([...PARAMETERS, 'start_key', 'end_key'])

const NOTES = Symbol('notes')

/** What a line says besides the request itself. */
export interface Notes {
  /** Why it was refused. */
  readonly reason?: string
  /** What is behind that, and not told to the client. */
  readonly cause?: string
  /** Operations of a batch, or keys that were deleted. */
  readonly operations?: number
  readonly deleted?: number
}

/** Adds to what the log says of a request. */
export function note(response: ServerResponse, notes: Notes): void {
  const noted = response as { [NOTES]?: Notes }
  noted[NOTES] = { ...noted[NOTES], ...notes }
}

/** A line of JSON for each request: who asked for what, and how it ended. Keys are in it, values never. */
export class RequestLog {
  readonly #write: (line: string) => unknown
  #dropped = 0

  /** `write` returns false for a line that it cannot take; the next line tells how many were left out. */
  constructor(write: (line: string) => unknown) {
    this.#write = write
  }

  /** To be called when a request has come, while its connection is there; the result, when its answer is out. */
  begin(request: IncomingMessage): (response: ServerResponse, ms: number) => void {
    const { socket } = request
    const { remoteAddress: client, bytesWritten: sent = 0 } = socket
    return (response, ms) => {
      const { path, query } = targetOf(request)
      this.#line({
        client,
        // Said by whoever calls, and so believed by nobody; behind a proxy it is all there is.
        forwarded_for: request.headers['x-forwarded-for'],
        method: request.method,
        target: query === '' ? path : `${path}?${query.split('&').map(masked).join('&')}`,
        status: response.statusCode,
        bytes: (socket.bytesWritten ?? 0) - sent,
        ms: Number(ms.toFixed(3)),
        ...(response as { [NOTES]?: Notes })[NOTES],
      })
    }
  }

  /** What never became a request was refused. */
  refused(socket: Socket, status: number, reason: string): void {
    this.#line({ client: socket.remoteAddress, status, reason })
  }

  #line(fields: Readonly<Record<string, unknown>>): void {
    const time = new Date().toISOString()
    if (this.#dropped > 0 && this.#write(`${JSON.stringify({ time, dropped: this.#dropped })}\n`) !== false)
      this.#dropped = 0
    if (this.#dropped > 0 || this.#write(`${escapeJson(JSON.stringify({ time, ...fields }))}\n`) === false)
      this.#dropped++
  }
}

/** A parameter as it was sent, or its name alone. */
function masked(parameter: string): string {
  const equals = parameter.indexOf('=')
  if (equals < 0) return parameter
  const name = percentDecode(parameter.slice(0, equals), true)
  return name !== undefined && SHOWN.has(asBuffer(name).toString()) ? parameter : parameter.slice(0, equals + 1)
}
