import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram } from './programs.ts'
import { tempDir } from './temp-dir.ts'

/** Paths of a certificate and its key, in PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Whether there is openssl, which makes them: without it nothing is made, and tests that need them are skipped. */
export const HAS_OPENSSL = hasProgram('openssl')

/** The hosts of this machine, as a certificate has them. */
export const HERE = 'DNS:localhost,IP:127.0.0.1'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function openssl(...args: readonly string[]): void {
  if (HAS_OPENSSL) execFileSync('openssl', args, { stdio: 'ignore' })
}

/** A new certificate for this machine, signed by itself, of the running test's own. */
export function selfSigned(): Certificate {
  const folder = tempDir()
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${HERE}`]
  openssl('req', '-x509', ...KEY, '-days', '2', ...subject, '-keyout', key, '-out', cert)
  return { cert, key }
}

/** What signs certificates, of a test's own. */
export class Authority implements Certificate {
  readonly cert: string
  readonly key: string
  readonly #folder: string
  #signed = 0

  /** @param folder where its files go; by default removed with the running test */
  constructor(folder = tempDir()) {
    this.#folder = folder
    this.cert = join(folder, 'ca.pem')
    this.key = join(folder, 'ca.key')
    openssl('req', '-x509', ...KEY, '-days', '2', '-subj', '/CN=ca', '-keyout', this.key, '-out', this.cert)
  }

  /** A certificate for hosts such as `DNS:localhost`; of fewer than 0 days it has expired. */
  sign(hosts: string, { name = 'localhost', days = 2 } = {}): Certificate {
    const [cert, key, request, extensions] = ['pem', 'key', 'csr', 'ext'].map((ending) =>
      join(this.#folder, `${++this.#signed}.${ending}`),
    ) as [string, string, string, string]
    openssl('req', '-new', ...KEY, '-subj', `/CN=${name}`, '-keyout', key, '-out', request)
    writeFileSync(extensions, `subjectAltName=${hosts}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    const by = ['-CA', this.cert, '-CAkey', this.key, '-CAcreateserial', '-days', String(days)]
    openssl('x509', '-req', '-in', request, ...by, '-extfile', extensions, '-out', cert)
    return { cert, key }
  }
}
