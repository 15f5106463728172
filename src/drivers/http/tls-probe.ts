import { connect } from 'node:tls'

/** Whether a server answers a TLS handshake on the port within `timeoutMs`. Sends nothing of the user's. */
export function speaksTls({ hostname, port }: URL, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const settle = (speaks: boolean): void => {
      socket.destroy()
      resolve(speaks)
    }
    // Whose certificate it is does not matter here.
    const socket = connect({ host, port: Number(port || 80), rejectUnauthorized: false })
    socket.setTimeout(timeoutMs)
    socket
      .on('secureConnect', () => settle(true))
      .on('error', () => settle(false))
      .on('timeout', () => settle(false))
      .on('close', () => settle(false))
  })
}
