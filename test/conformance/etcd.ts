import { EtcdDriver } from '../../src/drivers/etcd/driver.ts'
import type { EtcdCluster } from '../helpers/etcd.ts'
import type { Target } from './suite.ts'

/** A prefix of its own in a real cluster. */
export const etcdTarget = (cluster: () => EtcdCluster): Target => ({
  place() {
    const location = cluster().place()
    return { open: (options = {}) => EtcdDriver.open(location, options) }
  },
  supports: {
    syncReads: false,
    remote: true,
    snapshotRange: true,
    persistent: true,
    unknownOutcome: true,
    repeatedKeys: false,
    exclusiveLoad: false,
    watch: true,
  },
  shared: true,
  // Expiries are whole seconds, and etcd removes what has expired by its own clock.
  ownClock: false,
  sharedRevisions: true,
  checksums: false,
})
