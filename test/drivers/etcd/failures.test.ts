import { describe, expect, test } from 'vitest'
import { Attempts } from '../../../src/drivers/etcd/cluster/attempts.ts'
import { type Verdict, verdictOn } from '../../../src/drivers/etcd/cluster/failures.ts'
import { CallError } from '../../../src/drivers/etcd/cluster/transport.ts'

/** Statuses and texts as etcd 3.4.23 and grpc-js 1.14 give them. */
const ANSWERS: readonly (readonly [status: number, text: string, verdict: Verdict])[] = [
  [14, 'etcdserver: no leader', 'untouched'],
  [8, 'etcdserver: too many requests', 'untouched'],
  [14, 'etcdserver: rpc not supported for learner', 'untouched'],
  [9, 'etcdserver: not leader', 'untouched'],
  [2, 'raft proposal dropped', 'untouched'],
  [14, 'etcdserver: request timed out', 'unclear'],
  [14, 'etcdserver: request timed out, possibly due to previous leader failure', 'unclear'],
  [14, 'etcdserver: request timed out, possibly due to connection lost', 'unclear'],
  [14, 'etcdserver: leader changed', 'unclear'],
  [14, 'etcdserver: server stopped', 'unclear'],
  [14, 'Connection dropped', 'unclear'],
  [14, 'read ECONNRESET', 'unclear'],
  [13, 'Received RST_STREAM with code 2 (Internal server error)', 'unclear'],
  [13, 'Received RST_STREAM with code 0 (Call ended without gRPC status)', 'unclear'],
  [8, 'Bandwidth exhausted or memory limit exceeded', 'unclear'],
  [4, 'no answer in time', 'unclear'],
  [4, 'context deadline exceeded', 'unclear'],
  [2, 'context deadline exceeded', 'unclear'],
  [1, 'Cancelled on client', 'unclear'],
  [1, 'context canceled', 'unclear'],
  [3, 'etcdserver: too many operations in txn request', 'refused'],
  [3, 'etcdserver: duplicate key given in txn request', 'refused'],
  [3, 'etcdserver: request is too large', 'refused'],
  [3, 'etcdserver: key is not provided', 'refused'],
  [3, 'etcdserver: authentication failed, invalid user ID or password', 'refused'],
  [8, 'grpc: received message larger than max (2100000 vs. 2097152)', 'refused'],
  [8, 'etcdserver: mvcc: database space exceeded', 'refused'],
  [7, 'etcdserver: permission denied', 'refused'],
  [11, 'etcdserver: mvcc: required revision has been compacted', 'refused'],
  [5, 'etcdserver: requested lease not found', 'refused'],
  [9, 'etcdserver: lease already exists', 'refused'],
  [12, 'unknown service etcdserverpb.KV', 'refused'],
  [15, 'etcdserver: corrupt cluster', 'refused'],
  [16, 'etcdserver: invalid auth token', 'login'],
  [3, 'etcdserver: revision of auth store is old', 'login'],
  [3, 'etcdserver: user name is empty', 'login'],
]

describe('an answer of a member', () => {
  test.each(ANSWERS)('%i %s: %s', (status, text, verdict) => {
    expect(verdictOn(new CallError(status, text, true, 'a:1'))).toBe(verdict)
  })

  test.each(ANSWERS)('%i %s says nothing of a call that was not sent', (status, text) => {
    expect(verdictOn(new CallError(status, text, false, 'a:1'))).toBe('untouched')
  })
})

describe('a call that nobody answered', () => {
  const attempts = (failures: Readonly<Record<string, string>>): Attempts => {
    const tried = new Attempts(Object.keys(failures))
    for (const [endpoint, text] of Object.entries(failures)) tried.add(new CallError(14, text, false, endpoint))
    return tried
  }
  const status = 'most members must be running; which are tells: etcdctl endpoint status'

  test.each<[failures: Readonly<Record<string, string>>, message: string, hint: string]>([
    [
      { 'a:1': 'connect ECONNREFUSED 127.0.0.1:1', 'b:2': 'connect ECONNREFUSED 127.0.0.1:2' },
      'no answer from etcd at a:1, b:2: nothing listens there',
      'check the addresses; clients of etcd use port 2379',
    ],
    [
      { 'a:1': 'getaddrinfo ENOTFOUND a', 'b:2': 'connect ECONNREFUSED 127.0.0.1:2' },
      'no answer from etcd at a:1 (no such host), b:2 (nothing listens there)',
      'check the addresses; clients of etcd use port 2379',
    ],
    [
      { 'a:1': 'connect ECONNREFUSED 127.0.0.1:1', 'b:2': 'etcdserver: no leader', 'c:3': 'no answer in time' },
      'no answer from etcd at a:1 (nothing listens there), b:2 (it knows of no leader), c:3 (timed out)',
      status,
    ],
    [{ 'a:1': 'no connection in time' }, 'no answer from etcd at a:1: no connection in time', status],
    [{ 'a:1': 'etcdserver: request timed out' }, 'no answer from etcd at a:1: request timed out', status],
  ])('%o', (failures, message, hint) => {
    expect(attempts(failures).error('etcdctl')).toMatchObject({ code: 'KV_UNAVAILABLE', message, hint })
  })

  test('is tried no more where no host has such a name', () => {
    expect(attempts({ 'a:1': 'getaddrinfo ENOTFOUND a' }).isHopeless).toBe(true)
    expect(attempts({ 'a:1': 'getaddrinfo ENOTFOUND a', 'b:1': 'etcdserver: no leader' }).isHopeless).toBe(false)
  })

  test('is read again in short tries at first', () => {
    const tried = new Attempts(['a:1'])
    const next = (): number[] => [tried.readMs(2000, false), tried.readMs(2000, true)]
    const fail = (): unknown => tried.add(new CallError(4, 'no answer in time', true, 'a:1'))
    const times = [next(), ...[1, 2, 3].map(() => (fail(), next()))]
    expect(times).toEqual([
      [2000, 500],
      [500, 1000],
      [1000, 2000],
      [2000, 2000],
    ])
  })

  test('asks every member before it waits, and longer each time', () => {
    const tried = new Attempts(['a:1', 'b:2'])
    const fail = (endpoint: string): number => tried.add(new CallError(14, 'etcdserver: no leader', true, endpoint))
    expect(fail('a:1')).toBe(0)
    const pauses = ['b:2', 'a:1', 'b:2', 'a:1', 'b:2', 'a:1', 'b:2'].map(fail)
    for (const [n, most] of [20, 40, 80, 160, 320, 400, 400].entries()) {
      expect(pauses[n]).toBeGreaterThanOrEqual(most / 2)
      expect(pauses[n]).toBeLessThanOrEqual(most)
    }
  })
})
