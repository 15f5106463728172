/** A store in a real cluster of three members of etcd on this machine: what its faults cost, and reads and writes. */
import { join } from 'node:path'
import { median } from '../src/bench/report/numbers.ts'
import { EtcdCluster } from '../test/helpers/etcd-cluster.ts'
import { FAULTS, type FaultReport, runFault } from '../test/helpers/etcd-faults.ts'
import { rangeRows } from './etcd-ranges.ts'
import { bench, inTurn, installed, kvMs, library } from './harness.ts'
import { loadRows } from './etcd-loads.ts'
import { limitRow, report, row, time } from './table.ts'

/** The longest that nothing may be acknowledged when the leader is lost. */
const LONGEST_GAP_MS = 2500

/** Runs work on a new cluster. */
async function withCluster<T>(work: (cluster: EtcdCluster) => Promise<T>): Promise<T> {
  const cluster = await EtcdCluster.start({ members: 3 })
  try {
    return await work(cluster)
  } finally {
    await cluster.stop()
  }
}

/** One row a fault, each run on a new cluster. */
async function faultRows(rounds: number): Promise<string[][]> {
  const rows: string[][] = []
  for (const [name, fault] of Object.entries(FAULTS)) {
    const reports: FaultReport[] = []
    const times = { beforeMs: 1500, afterMs: name.startsWith('SIGSTOP') ? 12_000 : 6000 }
    for (let round = 0; round < rounds; round++)
      reports.push(await withCluster((cluster) => runFault(cluster, fault, { ...times, open: library.openStore })))
    const sum = (field: keyof FaultReport): number => reports.reduce((total, one) => total + one[field], 0)
    const gaps = reports.map(({ longestGapMs }) => longestGapMs)
    const bad = sum('lost') + sum('twice') + sum('partial') + sum('undead')
    const what = `${name}: longest gap, median of ${rounds} (most ${time(Math.max(...gaps))})`
    rows.push(
      name.includes('leader')
        ? limitRow(what, median(gaps), LONGEST_GAP_MS, time)
        : [what, time(median(gaps)), '', '', '', ''],
    )
    const counts = `${sum('acknowledged').toLocaleString('en')} acknowledged, ${sum('unknown')} of unknown outcome`
    const late = sum('late') === 0 ? '' : `, ${sum('late')} once more by a member that had hung`
    const told = `${sum('lost')} lost, ${sum('twice')} twice, ${sum('partial')} in part${late}`
    rows.push([`${name}: ${counts}`, told, '', '', '0', bad === 0 ? 'pass' : '**lost**'])
  }
  return rows
}

/** The start of kv with one get, beside that of a local file. */
async function coldRow(folder: string, rounds: number): Promise<string[]> {
  return withCluster(async (cluster) => {
    const [file, there] = [join(folder, 'cold.kv'), cluster.location('cold')]
    for (const store of [file, there]) kvMs(folder, '--store', store, 'put', 'k', 'v')
    const took = await inTurn(
      {
        file: { run: () => kvMs(folder, '--store', file, 'get', 'k') },
        etcd: { run: () => kvMs(folder, '--store', there, 'get', 'k') },
      },
      rounds * 3,
    )
    return row({ what: 'cold `kv get`', ours: took.etcd, theirs: took.file, peer: 'local file', atMost: 1.8 })
  })
}

for (const program of ['etcd', 'etcdctl'])
  if (!installed(program)) throw new Error(`bench:etcd needs ${program}: apt-get install etcd-server etcd-client`)

await bench({ rounds: 10 }, async (folder, { rounds, write }) => {
  const rows = [
    await coldRow(folder, rounds),
    ...(await withCluster((cluster) => rangeRows(folder, Math.min(rounds, 3), cluster))),
    ...(await loadRows(folder, Math.min(rounds, 3), withCluster)),
    ...(await faultRows(rounds)),
  ]
  await report({
    name: 'etcd',
    about: `Three members of etcd with their defaults on this machine, which they share with kv. Faults come under eight writers, a writer of batches and a counter.`,
    rows,
    folder,
    write,
  })
})
