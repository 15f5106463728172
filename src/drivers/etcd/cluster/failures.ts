import { KvError } from '../../../errors.ts'
import type { CallError } from './transport.ts'

/**
 * What a failed call means: `refused` by a member for good; `login`: it must know again who is asking; `untouched`: nothing was
 * done, another try may succeed; `unclear`: it may or may not have been done.
 */
export type Verdict = 'refused' | 'login' | 'untouched' | 'unclear'

/** Statuses of gRPC by which a member refuses what would not succeed at another time either. */
const FINAL: ReadonlySet<number> = new Set([
  3, // INVALID_ARGUMENT
  5, // NOT_FOUND
  7, // PERMISSION_DENIED
  8, // RESOURCE_EXHAUSTED
  9, // FAILED_PRECONDITION
  11, // OUT_OF_RANGE
  12, // UNIMPLEMENTED
  15, // DATA_LOSS
])
const UNAUTHENTICATED = 16

/** Words of a member that does not know who is asking. */
const LOGIN = /revision of auth store is old|user name is empty/

/** By these a member has not passed a request on to the others, whatever it was. */
const NOT_BEGUN: readonly string[] = [
  'etcdserver: no leader',
  'etcdserver: too many requests',
  'etcdserver: rpc not supported for learner',
  'etcdserver: not leader',
  'raft proposal dropped',
]

/**
 * What a failed call means. Texts of etcd: https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go. One that ran
 * into its own deadline says "context deadline exceeded", with the status UNKNOWN.
 */
export function verdictOn({ status, message, wasSent }: CallError): Verdict {
  if (!wasSent || NOT_BEGUN.includes(message)) return 'untouched'
  if (status === UNAUTHENTICATED || LOGIN.test(message)) return 'login'
  // By that status grpc-js also tells of a stream that was cut off.
  if (message === 'Bandwidth exhausted or memory limit exceeded') return 'unclear'
  return FINAL.has(status) ? 'refused' : 'unclear'
}

/** A write that may or may not have been done, for whoever can find out. */
export class Unclear extends Error {
  constructor(cause: CallError) {
    super(cause.message, { cause })
  }
}

/** The error when a write may or may not have been done, and reading cannot tell. */
export function unknownOutcome(what: string, cause: unknown): KvError {
  const told = (where: string): string =>
    `the answer of ${where}; the ${what} may or may not have been applied (all or nothing)`
  const hint = 'read the keys to see'
  return new KvError('KV_UNKNOWN_OUTCOME', told(`etcd was lost (${(cause as Error).message})`), {
    cause,
    hint,
    elsewhere: { message: told('the store behind this server was lost'), hint },
  })
}
