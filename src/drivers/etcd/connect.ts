import { readFileSync } from 'node:fs'
import { asBuffer } from '../../bytes.ts'
import { unreadable, usageError } from '../../errors.ts'
import { kvFor, quoteWord } from '../../shell-quote.ts'
import { type Credentials, DEFAULT_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { Cluster } from './cluster/cluster.ts'
import { GrpcTransport } from './cluster/grpc.ts'
import { Login, type User } from './cluster/login.ts'
import { type Place, Refusals } from './cluster/refusals.ts'
import type { EtcdLocation } from './location.ts'

/** The cluster of a location, of which nothing is asked yet. Throws `KV_USAGE` for files that cannot be read and hold nothing of use. */
export async function connect(location: string, where: EtcdLocation, options: OpenOptions): Promise<Cluster> {
  const tls = where.tls && {
    ca: pem(where.tls.ca),
    cert: pem(where.tls.cert),
    key: pem(where.tls.key),
  }
  const user = await userOf(where, options.credentials)
  const transports = where.endpoints.map((endpoint) => new GrpcTransport(endpoint, tls))
  return new Cluster(transports, new Login(user), new Refusals(placeOf(location, where, user)), {
    tryMs: where.tryMs,
    totalMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  })
}

/** Who is asking, by what the store was opened with, else by the location. */
async function userOf({ user, passwordFile }: EtcdLocation, given: Credentials = {}): Promise<User | undefined> {
  const name = given.user ?? user
  if (name === undefined) {
    if (passwordFile === undefined && given.password === undefined) return undefined
    throw usageError('a password needs its user', 'name the user in the location: etcd://USER@HOST')
  }
  if (typeof given.password === 'string') return { name, password: given.password }
  if (passwordFile !== undefined) return { name, password: readPassword(passwordFile) }
  const password = await given.password?.(name)
  if (password !== undefined) return { name, password }
  throw usageError(`user ${name} of etcd needs a password`, 'name its file in the location: ?password-file=FILE')
}

/** What a file holds but for a line feed at its end. */
function readPassword(file: string): string {
  const password = contents(file)
    .toString()
    .replace(/\r?\n$/, '')
  if (password === '') throw usageError(`${file} holds no password`)
  return password
}

function pem(path: string | undefined): Buffer | undefined {
  return path === undefined ? undefined : contents(path)
}

function contents(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function placeOf(location: string, where: EtcdLocation, user: User | undefined): Place {
  return {
    etcdctl: etcdctlFor(where, user),
    kvAsUser: kvFor(asUser(location, user?.name ?? 'USER')),
    user: user?.name,
    keys: `--prefix=true ${quoteWord(asBuffer(where.prefix).toString())}`,
  }
}

/** How a command line of etcdctl begins that asks the same members, as somebody who may do everything. */
function etcdctlFor({ endpoints, tls }: EtcdLocation, user: User | undefined): string {
  const words = [`--endpoints=${endpoints.map((at) => (tls === undefined ? at : `https://${at}`)).join(',')}`]
  if (tls?.ca !== undefined) words.push(`--cacert=${tls.ca}`)
  if (tls?.cert !== undefined) words.push(`--cert=${tls.cert}`, `--key=${tls.key}`)
  if (user !== undefined) words.push('--user=root')
  return ['etcdctl', ...words].map(quoteWord).join(' ')
}

/** The same location for a user who has a password in a file. */
function asUser(location: string, user: string): string {
  const [place = '', query] = location.split('?')
  const parameters = (query ?? '').split('&').filter((text) => text !== '' && !text.startsWith('password-file='))
  const named = place.replace(/^([a-z]+:\/\/)(?:[^/@]*@)?/i, `$1${encodeURIComponent(user)}@`)
  return `${named}?${[...parameters, 'password-file=FILE'].join('&')}`
}
