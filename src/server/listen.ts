import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, type Server, createServer } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { isBun } from '../process/c-library.ts'

/** Codes for an address that this machine does not have. */
const NOT_HERE = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

/** How often a port is looked for that is free on every address. */
const TRIES = 10

/** Where a server listens. */
export interface Listening {
  readonly port: number
  /** Addresses of the name that could not be had, each with the reason. */
  readonly missed: readonly { readonly address: string; readonly reason: string }[]
}

/**
 * Listens on every address that a host name means: `localhost` is often `::1` and `127.0.0.1`, and a client
 * takes either. What comes on any of them goes to the one server, so that limits, errors and the end are
 * the same on all. Throws what Node throws (with a `code`) when an address is in use, or none is of this machine.
 */
export async function listenOn(app: FastifyInstance, host: string, port: number): Promise<Listening> {
  const addresses = [...new Set((await lookup(host, { all: true })).map(({ address }) => address))]
  if (addresses.length === 1) {
    await app.listen({ host: addresses[0]!, port })
    return { port: portOf(app.server), missed: [] }
  }
  const { here, free, missed } = await tryOut(addresses, port)
  await app.listen({ host: here[0]!, port: free })
  if (isBun) {
    // It takes connections of its own only.
    const others = here.slice(1).map((address) => ({ address, reason: 'Bun listens on one address' }))
    return { port: free, missed: [...missed, ...others] }
  }
  for (const address of here.slice(1)) {
    const listener = createServer({ allowHalfOpen: !(app.server instanceof TlsServer), noDelay: true }, (socket) =>
      app.server.emit('connection', socket),
    )
    app.connections.addListener(listener)
    await opened(listener, address, free)
  }
  return { port: free, missed }
}

/** Which of some addresses this machine has, and a port that is free on all of those. */
async function tryOut(
  addresses: readonly string[],
  port: number,
): Promise<{ here: string[]; free: number; missed: Listening['missed'] }> {
  for (let tries = 1; ; tries++) {
    const missed: Listening['missed'][number][] = []
    const here: string[] = []
    const servers: Server[] = []
    let free = port
    try {
      for (const address of addresses) {
        const server = createServer()
        try {
          await opened(server, address, free)
        } catch (error) {
          const { code = '', message } = error as NodeJS.ErrnoException
          if (!NOT_HERE.has(code) || missed.length === addresses.length - 1) throw error
          missed.push({ address, reason: message })
          continue
        }
        servers.push(server)
        here.push(address)
        free = portOf(server)
      }
      return { here, free, missed }
    } catch (error) {
      // The port that was free on one address is taken on the next.
      if (port !== 0 || here.length === 0 || tries === TRIES || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
        throw error
    } finally {
      await Promise.all(servers.map((server) => once(server.close(), 'close')))
    }
  }
}

/** Rejects when the server cannot listen there. */
async function opened(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  await once(server, 'listening')
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
