import { isIP, type Socket } from 'node:net'
import { type PeerCertificate, type SecureContext, connect } from 'node:tls'
import type { Mismatch } from './transport.ts'
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js'

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>

/** An error of a connection; where the host is wrong, with the certificate. */
export interface TlsFailure extends NodeJS.ErrnoException {
  readonly cert?: PeerCertificate
}

/**
 * TLS with one member. That of grpc-js sends an address of numbers as the name of a server, at which Node warns, and of an
 * error passes on the text only.
 */
export class TlsCredentials extends ChannelCredentials {
  readonly #host: string
  readonly #context: SecureContext
  /** What went wrong last. */
  failure: TlsFailure | undefined

  /** @param host whose certificate it must be */
  constructor(host: string, context: SecureContext) {
    super()
    this.#host = host
    this.#context = context
  }

  override _isSecure(): boolean {
    return true
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#handshake(socket), secure: true }),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy() {},
    }
  }

  #handshake(socket: Socket): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const secure = connect({
        socket,
        host: this.#host,
        servername: isIP(this.#host) === 0 ? this.#host : '',
        secureContext: this.#context,
        ALPNProtocols: ['h2'],
      })
      // That our certificate is refused comes after the handshake.
      secure.on('error', (error: TlsFailure) => {
        this.failure = error
        reject(error)
      })
      secure.once('secureConnect', () => resolve(secure))
    })
  }
}

const OUR_CERTIFICATE_REFUSED = /^ERR_SSL_.*ALERT_.*(?:CERT|UNKNOWN_CA|ACCESS_DENIED)/
const UNTRUSTED = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_)/

/** What an error of a connection tells: of a certificate for other hosts, which they are. */
export function messageOf({ message, cert }: TlsFailure): string {
  return cert === undefined ? message : (cert.subjectaltname ?? 'no host').replaceAll(/(?:DNS|IP Address):/g, '')
}

/** What the code of an error says of the two certificates; `undefined`: nothing. */
export function certificateMismatch({ code = '' }: TlsFailure): Mismatch | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'other host'
  if (code === 'CERT_HAS_EXPIRED') return 'expired'
  if (UNTRUSTED.test(code)) return 'untrusted'
  return OUR_CERTIFICATE_REFUSED.test(code) ? 'own certificate' : undefined
}
