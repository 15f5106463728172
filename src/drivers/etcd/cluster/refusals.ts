import { KvError, type KvErrorOptions } from '../../../errors.ts'
import type { CallError, Mismatch } from './transport.ts'

/** What errors tell of a store and how it was reached. */
export interface Place {
  /** How a command line of etcdctl for the cluster begins. */
  readonly etcdctl: string
  /** How a command line of kv begins for the same store with other parameters, or another user, in its location. */
  readonly kv: (parameters: Readonly<Record<string, string | undefined>>, user?: string) => string
  readonly user: string | undefined
  /** The file of the certificate that kv shows. */
  readonly ownCertificate: string | undefined
  /** The keys of the store as etcdctl names them to a role, such as `--prefix=true app/`. */
  readonly keys: string
}

/** Statuses of gRPC (https://grpc.io/docs/guides/status-codes). */
const PERMISSION_DENIED = 7
const OUT_OF_RANGE = 11
const UNIMPLEMENTED = 12
const DATA_LOSS = 15
const UNAUTHENTICATED = 16

/** What a member refused, as errors for the user. Who reaches the store through a server is told nothing of the cluster. */
export class Refusals {
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  /** How a command line of etcdctl for the cluster begins. */
  get etcdctl(): string {
    return this.#place.etcdctl
  }

  /** The error for a call that was refused; `kind` is what it was to do. */
  of(error: CallError, kind: 'read' | 'write'): KvError {
    const { status, message, endpoint } = error
    const { user, keys, etcdctl, kv } = this.#place
    const text = message.replace(/^etcdserver: /, '')
    if (status === PERMISSION_DENIED) {
      const who = user === undefined ? 'this client' : `user ${user}`
      const permission = kind === 'read' ? 'read' : 'readwrite'
      return refused('KV_DENIED', `${who} may not ${kind} these keys of etcd at ${endpoint}`, {
        hint: `somebody with the role root can allow it: ${etcdctl} role grant-permission ROLE ${permission} ${keys}`,
      })
    }
    if (text.includes('authentication failed')) {
      return refused('KV_DENIED', `etcd at ${endpoint} does not accept user ${user} with this password`, {
        hint: `name the file of the right one: ${kv({ 'password-file': 'FILE' }, user ?? 'USER')}`,
      })
    }
    if (text.includes('user name is empty'))
      return refused('KV_DENIED', `etcd at ${endpoint} wants to know who is asking`, {
        hint: `name a user: ${kv({ 'password-file': 'FILE' }, user ?? 'USER')}`,
      })
    if (status === UNAUTHENTICATED)
      return refused('KV_DENIED', `etcd at ${endpoint} does not let this user in: ${text}`)
    if (text.includes('database space exceeded')) {
      return refused('KV_DISK_FULL', `the quota of etcd at ${endpoint} is used up`, {
        hint: `delete what can go (that works), then: ${this.#freeing()}`,
      })
    }
    if (status === OUT_OF_RANGE && text.includes('compacted')) {
      return new KvError('KV_SNAPSHOT_LOST', 'the moment of the store that was being read has been compacted away', {
        hint: 'run it again; what compacts the cluster must leave its readers more time',
      })
    }
    if (text.includes('too many operations')) {
      return new KvError('KV_TOO_LARGE', 'these are more operations than the members of etcd apply at once', {
        hint: 'give them a higher --max-txn-ops, or the location the one they have: ?max-txn-ops=N',
      })
    }
    if (text.includes('too large') || text.includes('larger than max')) {
      return new KvError('KV_TOO_LARGE', 'this is more than the members of etcd take in one request', {
        hint: 'give them a higher --max-request-bytes, or the location the one they have: ?max-request-bytes=N',
      })
    }
    if (status === DATA_LOSS || text.includes('corrupt')) {
      return refused('KV_CORRUPT', `etcd at ${endpoint} has found that its members differ (alarm CORRUPT)`, {
        hint: `replace the member that this names, then disarm the alarm: ${etcdctl} alarm list`,
      })
    }
    if (status === UNIMPLEMENTED) {
      return refused('KV_UNAVAILABLE', `what answers at ${endpoint} is not etcd, or has no API of version 3`, {
        hint: 'check the address: clients of etcd use port 2379',
      })
    }
    return refused('KV_IO', `etcd at ${endpoint}: ${text}`, { cause: error })
  }

  /** The error when nobody can be asked at the addresses of the location. */
  mismatch({ mismatch, message, endpoint }: CallError): KvError {
    const { kv, ownCertificate } = this.#place
    const texts: Readonly<Record<Mismatch, readonly [what: string, hint: string]>> = {
      untrusted: [
        `the certificate of ${endpoint} is not trusted: ${message.split(';')[0]}`,
        `name the file of the CA that has signed it: ${kv({ ca: 'FILE' })}`,
      ],
      'other host': [
        `the certificate of ${endpoint} is for ${message}`,
        'name the member in the location as its certificate does',
      ],
      expired: [`the certificate of ${endpoint} has expired`, 'renew it; etcd takes a new file without a restart'],
      'own certificate':
        ownCertificate === undefined
          ? [`${endpoint} wants a certificate from its clients`, `name one: ${kv({ cert: 'FILE', key: 'FILE' })}`]
          : [
              `${endpoint} does not accept the certificate in ${ownCertificate}`,
              'it must be signed by the CA that etcd was given with --trusted-ca-file',
            ],
      'needs TLS': [`${endpoint} speaks TLS`, `name the file of its CA: ${kv({ ca: 'FILE' })}`],
      'no TLS': [
        `${endpoint} does not speak TLS`,
        `try it without: ${kv({ tls: undefined, ca: undefined, cert: undefined, key: undefined })}`,
      ],
      'no HTTP/2': [
        `what answers at ${endpoint} is not etcd`,
        `check the address: clients of etcd use port 2379; a kv serve is named http://${endpoint}`,
      ],
    }
    const [what, hint] = texts[mismatch!]
    return refused('KV_UNAVAILABLE', what, { hint })
  }

  /** The line that makes room in a cluster. */
  #freeing(): string {
    const { etcdctl } = this.#place
    const revision = `$(${etcdctl} get x -w fields | awk '/^"Revision"/ {print $3}')`
    return `${etcdctl} compact ${revision} && ${etcdctl} defrag && ${etcdctl} alarm disarm`
  }
}

/** What those are told who reach the store through a server. */
const ELSEWHERE: Partial<Record<KvError['code'], string>> = {
  KV_DENIED: 'the store behind this server does not let it do that',
  KV_DISK_FULL: 'the quota of the store behind this server is used up',
  KV_CORRUPT: 'the store behind this server is damaged',
  KV_UNAVAILABLE: 'the store behind this server cannot be reached',
}

function refused(code: KvError['code'], message: string, options: KvErrorOptions = {}): KvError {
  return new KvError(code, message, {
    ...options,
    elsewhere: { message: ELSEWHERE[code] ?? 'the store behind this server failed' },
  })
}
