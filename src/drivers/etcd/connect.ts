import { usageError } from '../../errors.ts'
import type { Credentials, OpenOptions } from '../options.ts'
import { Cluster } from './cluster/cluster.ts'
import { GrpcTransport } from './cluster/grpc.ts'
import { Login, type User } from './cluster/login.ts'
import { Refusals } from './cluster/refusals.ts'
import type { EtcdLocation } from './location.ts'
import { placeOf } from './place.ts'
import { read, secureContext } from './tls-files.ts'

/** How long a call is tried, in milliseconds: members elect another leader in the meantime, if need be twice. */
const DEFAULT_TIMEOUT_MS = 15_000

/** The cluster of a location, of which nothing is asked yet. Throws `KV_USAGE` for files that cannot be read and hold nothing of use. */
export function connect(location: string, where: EtcdLocation, options: OpenOptions): Cluster {
  const tls = where.tls && secureContext(where.tls)
  const user = userOf(where, options.credentials)
  const transports = where.endpoints.map((endpoint) => new GrpcTransport(endpoint, tls))
  return new Cluster(transports, new Login(user), new Refusals(placeOf(location, where, user)), {
    tryMs: where.tryMs,
    totalMs: Math.max(1, options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  })
}

/** Who is asking, by what the store was opened with, else by the location. */
function userOf({ user, passwordFile }: EtcdLocation, given: Credentials = {}): User | undefined {
  const name = given.user ?? user
  const file = passwordFile ?? given.passwordFile
  const password = given.password ?? (file === undefined ? undefined : readPassword(file))
  if (name === undefined) {
    if (password === undefined) return undefined
    throw usageError('a password needs its user', 'name the user in the location: etcd://USER@HOST')
  }
  if (password !== undefined) return { name, password }
  throw usageError(`user ${name} of etcd needs a password`, 'name its file in the location: ?password-file=FILE')
}

/** What a file holds but for a line feed at its end. */
function readPassword(file: string): string {
  const password = read(file)
    .toString()
    .replace(/\r?\n$/, '')
  if (password === '') throw usageError(`${file} holds no password`)
  return password
}
