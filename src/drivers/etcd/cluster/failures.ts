import { KvError } from '../../../errors.ts'
import type { CallError } from './transport.ts'

/**
 * What a failed call means: `refused` by a member for good; `login`: it must know again who is asking; `untouched`: nothing was
 * done, another try may succeed; `unclear`: it may or may not have been done.
 */
export type Verdict = 'refused' | 'login' | 'untouched' | 'unclear'

/** Statuses of gRPC by which a member refuses a request that would not succeed at another time either. */
const INVALID_ARGUMENT = 3
const DEADLINE_EXCEEDED = 4
const NOT_FOUND = 5
const PERMISSION_DENIED = 7
const RESOURCE_EXHAUSTED = 8
const FAILED_PRECONDITION = 9
const OUT_OF_RANGE = 11
const UNIMPLEMENTED = 12
const UNAUTHENTICATED = 16
const FINAL: ReadonlySet<number> = new Set([
  INVALID_ARGUMENT,
  NOT_FOUND,
  PERMISSION_DENIED,
  FAILED_PRECONDITION,
  OUT_OF_RANGE,
  UNIMPLEMENTED,
])

/** Words of a member that does not know who is asking. */
const LOGIN = /revision of auth store is old|user name is empty/

/** What a failed call means (the texts: https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go). */
export function verdictOn({ status, message, wasSent }: CallError): Verdict {
  if (!wasSent) return 'untouched'
  if (status === UNAUTHENTICATED || LOGIN.test(message)) return 'login'
  if (message === 'etcdserver: no leader') return 'untouched'
  if (status === RESOURCE_EXHAUSTED) return message.includes('too many requests') ? 'untouched' : 'refused'
  if (status === DEADLINE_EXCEEDED) return 'unclear'
  return FINAL.has(status) ? 'refused' : 'unclear'
}

/** A write that may or may not have been done, for whoever can find out. */
export class Unclear extends Error {
  constructor(cause: CallError) {
    super(cause.message, { cause })
  }
}

/** The error when no member answered in time, and nothing was done. */
export function unavailable(endpoints: readonly string[], last: Error | undefined): KvError {
  const where = endpoints.join(', ')
  return new KvError(
    'KV_UNAVAILABLE',
    `no answer from etcd at ${where}${last === undefined ? '' : `: ${last.message}`}`,
    {
      cause: last,
      hint: 'check the addresses, and that most members of the cluster are running',
      elsewhere: { message: 'the store behind this server cannot be reached' },
    },
  )
}

/** The error when a write may or may not have been done, and reading cannot tell. */
export function unknownOutcome(what: string, cause: unknown): KvError {
  return new KvError(
    'KV_UNKNOWN_OUTCOME',
    `the answer of etcd was lost (${(cause as Error).message}); the ${what} may or may not have been applied (all or nothing)`,
    {
      cause,
      hint: 'read the keys to see',
    },
  )
}
