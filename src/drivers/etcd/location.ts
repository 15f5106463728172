import { utf8 } from '../../bytes.ts'
import { type KvError, usageError } from '../../errors.ts'
import { parseDuration } from '../../duration.ts'
import { hostLocation } from '../location.ts'

/** Where a store in etcd is, taken apart. */
export interface EtcdLocation {
  /** `HOST:PORT` of each member that was named. */
  readonly endpoints: readonly string[]
  /** What every key in etcd begins with: the path and a slash; empty without a path. */
  readonly prefix: Uint8Array
  /** How the members are spoken to in secret; `undefined`: in the clear. */
  readonly tls: TlsFiles | undefined
  readonly user: string | undefined
  readonly passwordFile: string | undefined
  /** What the members were told with --max-txn-ops and --max-request-bytes: they cannot be asked. */
  readonly maxTxnOps: number
  readonly maxRequestBytes: number
  /** The longest a member may take for one try of a short call, in milliseconds. */
  readonly tryMs: number
}

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificates that are trusted; `undefined`: those of Node. */
  readonly ca: string | undefined
  /** The certificate that kv shows, and its key; both or neither. */
  readonly cert: string | undefined
  readonly key: string | undefined
}

/** What a location may have after a question mark. */
const PARAMETERS = [
  'tls',
  'ca',
  'cert',
  'key',
  'password-file',
  'max-txn-ops',
  'max-request-bytes',
  'try-timeout',
] as const
type Name = (typeof PARAMETERS)[number]

const DEFAULT_PORT = 2379
/** What etcd has by default: a request of 1.5 MiB at most, 128 operations in a transaction. */
const DEFAULT_MAX_TXN_OPS = 128
const DEFAULT_MAX_REQUEST_BYTES = 1.5 * 1024 * 1024
const DEFAULT_TRY_MS = 2000

const FORM = 'write it as etcd://HOST:PORT,HOST:PORT/PREFIX'

/**
 * Takes `etcd://[USER@]HOST[:PORT][,...][/PREFIX][?PARAMETER=VALUE&...]` apart. Throws `KV_USAGE` for what is none, and for a
 * location with a password.
 */
export function parseEtcdLocation(location: string): EtcdLocation {
  const parts = hostLocation(location)
  if (parts === undefined) throw notAnAddress(location)
  const { user, hosts, path, query } = parts
  if (user?.includes(':') === true) {
    throw usageError(
      'a location with a password would show it to everybody',
      'leave it out: kv asks for it, or reads it from a file: ?password-file=FILE',
    )
  }
  const given = parametersOf(query, location)
  const { ca, cert, key } = given
  if ((cert === undefined) !== (key === undefined)) throw usageError('a certificate needs its key: ?cert=FILE&key=FILE')
  return {
    endpoints: hosts.map((host) => endpointOf(host, location)),
    prefix: prefixOf(path, location),
    tls: isOn(given.tls) || ca !== undefined || cert !== undefined ? { ca, cert, key } : undefined,
    user: user === undefined || user === '' ? undefined : decoded(user, location),
    passwordFile: given['password-file'],
    maxTxnOps: count(given, 'max-txn-ops') ?? DEFAULT_MAX_TXN_OPS,
    maxRequestBytes: count(given, 'max-request-bytes') ?? DEFAULT_MAX_REQUEST_BYTES,
    tryMs: given['try-timeout'] === undefined ? DEFAULT_TRY_MS : parseDuration(given['try-timeout'], 'try-timeout'),
  }
}

/** Not as in a form of HTML, where a plus sign is a blank: files have such names. */
function parametersOf(query: string | undefined, location: string): Partial<Record<Name, string>> {
  const given: Partial<Record<Name, string>> = {}
  for (const pair of query?.split('&') ?? []) {
    if (pair === '') continue
    const [name, ...rest] = pair.split('=')
    const value = decoded(rest.join('='), location)
    if (!PARAMETERS.includes(name as Name))
      throw usageError(`an etcd location has no parameter ${name}`, `it has ${PARAMETERS.join(', ')}`)
    if (value === '' && name !== 'tls') throw usageError(`the parameter ${name} of an etcd location needs a value`)
    given[name as Name] = value
  }
  return given
}

/** `?tls` and `?tls=true`. */
function isOn(tls: string | undefined): boolean {
  if (tls === undefined || tls === 'false' || tls === '0') return false
  if (tls === '' || tls === 'true' || tls === '1') return true
  throw usageError(`tls is true or false, not ${tls}`)
}

function endpointOf(host: string, location: string): string {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/i.exec(host)
  if (match === null) {
    throw /^[0-9a-f:.]*:[0-9a-f:.]*:/i.test(host)
      ? usageError(`not the address of an etcd member: ${host}`, `an IPv6 address stands in brackets: etcd://[${host}]`)
      : notAnAddress(location)
  }
  const port = match[2] === undefined ? DEFAULT_PORT : Number(match[2])
  if (port < 1 || port > 65_535) throw usageError(`not a port: ${port}`, `etcd has ${DEFAULT_PORT}`)
  return `${match[1]}:${port}`
}

/** What may be a password is not repeated. */
function notAnAddress(location: string): KvError {
  return usageError(`not the address of an etcd cluster: ${location.replace(/(\/\/[^@]*?):.*@/, '$1:...@')}`, FORM)
}

/** A slash at the end counts for nothing; one at the begin belongs to the prefix: `etcd://HOST//registry` has `/registry/`. */
function prefixOf(path: string, location: string): Uint8Array {
  const bare = path.replace(/\/$/, '')
  return bare === '' ? new Uint8Array() : utf8(`${decoded(bare, location)}/`)
}

function decoded(text: string, location: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw usageError(`not the address of an etcd cluster: ${location}`, 'write a percent sign as %25')
  }
}

function count(given: Partial<Record<Name, string>>, name: Name): number | undefined {
  const text = given[name]
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,9}$/.test(text)) throw usageError(`${name} must be a number above 0, not ${text}`)
  return Number(text)
}
