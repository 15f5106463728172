import { connect } from 'node:tls'

/** Whether a server answers a TLS handshake on the port within `timeoutMs`. Sends nothing of the user's. */
export function speaksTls(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    // Whose certificate it is does not matter here.
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: timeoutMs })
    const end = (): void => void socket.destroy()
    socket
      .on('secureConnect', () => resolve(true))
      .on('secureConnect', end)
      .on('timeout', end)
    // Once it is closed for another reason.
    socket.on('error', end).on('close', () => resolve(false))
  })
}
