import { type Socket, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { onTestFinished, vi } from 'vitest'
import { type ServerOptions, buildApp } from '../../src/server/app.ts'
import { openTestStore } from '../helpers/store.ts'

/** A server over a new store in memory, closed when the test is over. */
export async function server(options: ServerOptions = {}, location = 'memory:'): Promise<FastifyInstance> {
  const app = await buildApp(await openTestStore(location), options)
  onTestFinished(() => app.close())
  return app
}

/** The same, listening on a free port. */
export async function listening(
  options: ServerOptions = {},
  location?: string,
): Promise<{ url: string; port: number; app: FastifyInstance }> {
  const app = await server(options, location)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, port: Number(new URL(url).port), app }
}

/** The head of a request, with more headers that end in CR LF. */
export const head = (line: string, headers = ''): string => `${line} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`

/** A client that has sent this much, destroyed when the test is over. */
export function client(port: number, request: string | Uint8Array, host = '127.0.0.1'): Socket {
  const socket = connect(port, host).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write(request)
  return socket
}

/** Sends bytes as they are and resolves to all that comes back until the server closes. */
export function raw(port: number, request: string | Uint8Array, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? undefined : reject(error),
    )
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
    socket.write(request)
  })
}

/** `status body` of an answer, for exact comparison. */
export function shown({ statusCode, body }: { statusCode: number; body: string }): string {
  return `${statusCode} ${body}`
}

/** Settles when an assertion holds; how long that takes depends on the machine. */
export function eventually(assertion: () => Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: 100_000 })
}
