import { describe } from 'vitest'
import { hasEtcd, sharedCluster } from '../helpers/etcd.ts'
import { etcdTarget } from './etcd.ts'
import { conformance } from './suite.ts'

describe.skipIf(!hasEtcd())('in a real cluster', () => {
  conformance('etcd', etcdTarget(sharedCluster()), 'ranges')
})
