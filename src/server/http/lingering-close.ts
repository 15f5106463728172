import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Bytes that are still taken from a client that was refused while it sends. */
const MAX_BYTES = 64_000_000

/** How long they are taken, in milliseconds. */
const MAX_MS = 30_000

const CHECK_MS = 100

const lingering = new WeakSet<Socket>()

/** Whether a connection was refused, and only waits for its client to hear of it. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket)
}

/** Ends a connection, and reads what the client still sends: a reset would hide the answer (RFC 9112, section 9.6). */
export function lingeringClose(socket: Socket): void {
  lingering.add(socket)
  socket.end()
  const [mostRead, latest] = [socket.bytesRead + MAX_BYTES, performance.now() + MAX_MS]
  const check = setInterval(() => {
    if (socket.bytesRead > mostRead || performance.now() > latest) socket.destroy()
  }, CHECK_MS)
  socket.once('close', () => clearInterval(check))
}

/** The same once an answer that says `connection: close` is out. Node would close the connection then. */
export function lingeringCloseAfter({ req, socket }: ServerResponse): void {
  if (socket === null || req.complete) return
  socket.destroySoon = () => {
    lingeringClose(socket)
    req.once('end', () => socket.destroy())
  }
}
