import { connect } from 'node:http2'

/** Whether a server speaks HTTP/2 in the clear on the port within `timeoutMs`. Asks nothing. */
export function speaksHttp2(host: string, port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`)
    const end = (): void => session.destroy()
    session.once('remoteSettings', () => resolve(true)).once('remoteSettings', end)
    session.setTimeout(timeoutMs, end)
    // Once it is closed for another reason.
    session.on('error', end).on('close', () => resolve(false))
  })
}
