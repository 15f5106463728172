/**
 * What kv says to etcd and hears from it: of the messages of the API, version 3, the fields that are used, by their numbers
 * (https://github.com/etcd-io/etcd/blob/main/api/etcdserverpb/rpc.proto, and kv.proto beside it).
 */
import {
  type Encodable,
  type Decoded,
  Message,
  bytes,
  flag,
  integer,
  integer64,
  nested,
  several,
  text,
  texts,
} from './message.ts'

const Header = new Message({ clusterId: integer64(1), memberId: integer64(2), revision: integer(3) })

/** An entry. */
export const KeyValue = new Message({
  key: bytes(1),
  createRevision: integer(2),
  modRevision: integer(3),
  value: bytes(5),
  /** 0: the key does not expire. */
  lease: integer64(6),
})

export const RangeRequest = new Message({
  key: bytes(1),
  /** Excluded; `\0`: to the last key; empty: only the key. */
  rangeEnd: bytes(2),
  limit: integer(3),
  /** 0: now. */
  revision: integer(4),
  sortOrder: integer(5),
  sortTarget: integer(6),
  keysOnly: flag(8),
  countOnly: flag(9),
})
export const RangeResponse = new Message({
  header: nested(1, Header),
  kvs: several(2, KeyValue),
  more: flag(3),
  /** Of the whole range. */
  count: integer(4),
})

export const PutRequest = new Message({ key: bytes(1), value: bytes(2), lease: integer64(3) })
export const PutResponse = new Message({ header: nested(1, Header) })

export const DeleteRangeRequest = new Message({ key: bytes(1), rangeEnd: bytes(2) })
export const DeleteRangeResponse = new Message({ header: nested(1, Header), deleted: integer(2) })

/** How a comparison compares. */
export const EQUAL = 0
/** What it compares. */
export const COMPARED = { createRevision: 1, modRevision: 2, value: 3, lease: 4 } as const

const Compare = new Message({
  result: integer(1),
  target: integer(2),
  key: bytes(3),
  createRevision: integer(5),
  modRevision: integer(6),
  value: bytes(7),
  lease: integer64(8),
})
const RequestOp = new Message({
  range: nested(1, RangeRequest),
  put: nested(2, PutRequest),
  deleteRange: nested(3, DeleteRangeRequest),
})
const ResponseOp = new Message({
  range: nested(1, RangeResponse),
  put: nested(2, PutResponse),
  deleteRange: nested(3, DeleteRangeResponse),
})
export const TxnRequest = new Message({
  compare: several(1, Compare),
  success: several(2, RequestOp),
  failure: several(3, RequestOp),
})
export const TxnResponse = new Message({
  header: nested(1, Header),
  succeeded: flag(2),
  responses: several(3, ResponseOp),
})
/** What came of a transaction without its reads, and of one whose steps are transactions that may read a key. */
const Brief = new Message({ header: nested(1, Header), succeeded: flag(2) })
const Inner = new Message({
  succeeded: flag(2),
  responses: several(3, new Message({ range: nested(1, RangeResponse) })),
})
const Nested = new Message({ header: nested(1, Header), responses: several(3, new Message({ txn: nested(4, Inner) })) })

export type Comparison = Encodable<typeof Compare>
export type Step = Encodable<typeof RequestOp>

export const LeaseGrantRequest = new Message({ ttlSeconds: integer(1), id: integer64(2) })
export const LeaseGrantResponse = new Message({ header: nested(1, Header), id: integer64(2), ttlSeconds: integer(3) })
export const LeaseTimeToLiveRequest = new Message({ id: integer64(1) })
export const LeaseTimeToLiveResponse = new Message({
  header: nested(1, Header),
  id: integer64(2),
  /** What is left; -1 for a lease that has ended. */
  ttlSeconds: integer(3),
  grantedSeconds: integer(4),
})

export const LeaseLeasesRequest = new Message({})
export const LeaseLeasesResponse = new Message({
  header: nested(1, Header),
  leases: several(2, new Message({ id: integer64(1) })),
})

/** The type of an event that is no put. */
export const DELETED = 1

const Event = new Message({
  type: integer(1),
  kv: nested(2, KeyValue),
})
const WatchCreateRequest = new Message({
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: integer(3),
  progressNotify: flag(4),
  fragment: flag(8),
})
export const WatchRequest = new Message({
  create: nested(1, WatchCreateRequest),
  progress: nested(3, new Message({})),
})
export const WatchResponse = new Message({
  header: nested(1, Header),
  /** -1: of the whole stream. */
  watchId: integer(2),
  created: flag(3),
  canceled: flag(4),
  /** Not 0: changes before this revision are no longer there. */
  compactRevision: integer(5),
  cancelReason: text(6),
  fragment: flag(7),
  events: several(11, Event),
})

export const AuthenticateRequest = new Message({ name: text(1), password: text(2) })
export const AuthenticateResponse = new Message({ header: nested(1, Header), token: text(2) })

export const StatusRequest = new Message({})
export const StatusResponse = new Message({
  header: nested(1, Header),
  version: text(2),
  dbSize: integer(3),
  leader: integer64(4),
  raftIndex: integer(5),
  raftTerm: integer(6),
  /** Alarms, in words. */
  errors: texts(8),
  dbSizeInUse: integer(9),
  /** From etcd 3.6 on. */
  dbSizeQuota: integer(12),
})
export const HashKvRequest = new Message({ revision: integer(1) })
export const HashKvResponse = new Message({ header: nested(1, Header), hash: integer(2), compactRevision: integer(3) })
const Member = new Message({ id: integer64(1), name: text(2) })
export const MemberListRequest = new Message({})
export const MemberListResponse = new Message({ header: nested(1, Header), members: several(2, Member) })
export const AlarmRequest = new Message({ action: integer(1) })
export const AlarmResponse = new Message({
  header: nested(1, Header),
  alarms: several(2, new Message({ memberId: integer64(1), alarm: integer(2) })),
})

/** One call of the API. */
export interface Method<Q, R> {
  readonly path: string
  readonly encode: (request: Q) => Uint8Array
  readonly decode: (bytes: Uint8Array) => R
}

// oxlint-disable-next-line typescript/no-explicit-any
type AnyFields = any

function method<Q extends Message<AnyFields>, R extends Message<AnyFields>>(
  path: string,
  request: Q,
  response: R,
): Method<Encodable<Q>, Decoded<R>> {
  return {
    path: `/etcdserverpb.${path}`,
    encode: (values) => request.encode(values),
    // Of a plain array, so that arrays of bytes in it are plain ones too.
    decode: (data) => response.decode(new Uint8Array(data.buffer, data.byteOffset, data.length)) as Decoded<R>,
  }
}

/** The calls that are used. */
export const METHODS = {
  range: method('KV/Range', RangeRequest, RangeResponse),
  put: method('KV/Put', PutRequest, PutResponse),
  deleteRange: method('KV/DeleteRange', DeleteRangeRequest, DeleteRangeResponse),
  txn: method('KV/Txn', TxnRequest, TxnResponse),
  /** A transaction whose steps were written by a {@link StepWriter}. */
  steps: {
    path: '/etcdserverpb.KV/Txn',
    encode: (steps: Uint8Array) => steps,
    decode: (data: Uint8Array) => Brief.decode(data),
  },
  /** The same with puts of what is absent. */
  stepsIfAbsent: {
    path: '/etcdserverpb.KV/Txn',
    encode: (steps: Uint8Array) => steps,
    decode: (data: Uint8Array) => Nested.decode(data),
  },
  leaseGrant: method('Lease/LeaseGrant', LeaseGrantRequest, LeaseGrantResponse),
  leaseTimeToLive: method('Lease/LeaseTimeToLive', LeaseTimeToLiveRequest, LeaseTimeToLiveResponse),
  leaseLeases: method('Lease/LeaseLeases', LeaseLeasesRequest, LeaseLeasesResponse),
  watch: method('Watch/Watch', WatchRequest, WatchResponse),
  authenticate: method('Auth/Authenticate', AuthenticateRequest, AuthenticateResponse),
  status: method('Maintenance/Status', StatusRequest, StatusResponse),
  hashKv: method('Maintenance/HashKV', HashKvRequest, HashKvResponse),
  alarm: method('Maintenance/Alarm', AlarmRequest, AlarmResponse),
  memberList: method('Cluster/MemberList', MemberListRequest, MemberListResponse),
}

export type Stored = Decoded<typeof KeyValue>
export type Txn = Encodable<typeof TxnRequest>
export type TxnAnswer = Decoded<typeof TxnResponse>
