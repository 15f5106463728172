import { ETCD_SUPPORTS, etcdShaped } from './etcd-shaped.ts'
import { conformance } from './suite.ts'

conformance('etcd-shaped', {
  place: etcdShaped,
  supports: ETCD_SUPPORTS,
  shared: true,
  ownClock: false,
})
