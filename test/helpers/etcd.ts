import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { type ClusterOptions, ETCD, EtcdCluster } from './etcd-cluster.ts'
import { hasProgram } from './programs.ts'

export type { EtcdMember } from './etcd-cluster.ts'
export { EtcdCluster }

/**
 * Whether there is an etcd to test with (on PATH, or `KV_TEST_ETCD`). Without it tests are skipped and say so; in CI they fail.
 * Call it once a file: `describe.skipIf(!hasEtcd())`.
 */
export function hasEtcd(): boolean {
  return hasProgram(ETCD, 'etcd-server') && hasProgram('etcdctl', 'etcd-client')
}

/** A cluster for all tests of a file or `describe`, each of which uses a `place()` of its own. Call it outside of tests. */
export function sharedCluster(options: ClusterOptions = {}): () => EtcdCluster {
  let cluster: EtcdCluster | undefined
  beforeAll(async () => {
    cluster = await EtcdCluster.start(options)
  })
  afterAll(() => cluster?.stop())
  return () => cluster!
}

/** A cluster of the running test's own, whose members it may kill; ended with the test. */
export async function ownCluster(options: ClusterOptions = {}): Promise<EtcdCluster> {
  const cluster = await EtcdCluster.start(options)
  onTestFinished(() => cluster.stop())
  return cluster
}
