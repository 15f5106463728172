import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type SecureContext, createSecureContext } from 'node:tls'
import { KvError, unreadable, usageError } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import type { TlsFiles } from './location.ts'

/** What TLS with the members needs, of files in PEM. Throws `KV_USAGE` for one that cannot be read or holds something else. */
export function secureContext({ ca, cert, key }: TlsFiles): SecureContext {
  const trusted = ca === undefined ? undefined : certificates(ca)
  if (cert === undefined) return createSecureContext({ ca: trusted })
  const [own, ownKey] = [certificates(cert), read(key!)]
  if (ownKey.includes('ENCRYPTED')) {
    throw usageError(
      `the key in ${key} is protected by a passphrase, for which kv does not ask`,
      `openssl pkey -in ${quoteWord(key!)} -out key.pem`,
    )
  }
  try {
    return createSecureContext({ ca: trusted, cert: own, key: ownKey })
  } catch (cause) {
    throw new KvError('KV_USAGE', `${cert} and ${key} are no certificate and its key in PEM`, { cause })
  }
}

/** Node takes any text for certificates, and then trusts none. */
function certificates(path: string): Buffer {
  const pem = read(path)
  try {
    if (pem.includes('-----BEGIN CERTIFICATE-----') && new X509Certificate(pem).raw.length > 0) return pem
  } catch {
    // Not what it says that it is.
  }
  throw usageError(`${path} holds no certificate in PEM`)
}

/** The bytes of a file that the location names. Throws `KV_USAGE`. */
export function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}
