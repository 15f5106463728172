/** Loads of 200,000 entries of 100 bytes into a cluster of etcd, and back. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { median } from '../src/bench/report/numbers.ts'
import type { EtcdCluster } from '../test/helpers/etcd-cluster.ts'
import { KV, environment, library } from './harness.ts'

const COUNT = 200_000
/** Entries a second that a load must reach. */
const AT_LEAST = 45_000

/** Where the entries come from, and how they go into the cluster: a name and the arguments of kv but for the store. */
type Load = readonly [name: string, args: (input: string, store: string) => readonly string[]]

const LOADS: readonly Load[] = [
  ['`batch-put`', (input, store) => ['--store', store, 'batch-put', `${input}.jsonl`]],
  ['`batch-put --if-absent`', (input, store) => ['--store', store, 'batch-put', '--if-absent', `${input}.jsonl`]],
  ['`copy`', (input, store) => ['copy', `${input}.kv`, store]],
]

/** One row a load, each into a prefix of its own: how many entries a second, and whether they are the same on the way back. */
export async function loadRows(
  folder: string,
  rounds: number,
  withCluster: <T>(work: (cluster: EtcdCluster) => Promise<T>) => Promise<T>,
): Promise<string[][]> {
  const input = join(folder, 'loads')
  const line = (i: number): string => JSON.stringify({ key: `k${1_000_000 + i}`, value: `${i}`.padStart(100, 'v') })
  writeFileSync(`${input}.jsonl`, Array.from({ length: COUNT }, (_, i) => `${line(i)}\n`).join(''))
  execFileSync(process.execPath, [KV, '--store', `${input}.kv`, '--quiet', 'batch-put', `${input}.jsonl`], {
    env: environment(folder),
  })
  const rows: string[][] = []
  for (const [name, argsOf] of LOADS)
    rows.push(
      await withCluster(async (cluster) => {
        const rates: number[] = []
        for (let round = 0; round < rounds; round++)
          rates.push(await rate(folder, argsOf(input, cluster.location(`r${round}`))))
        const atLeast = name.includes('--if-absent') ? undefined : AT_LEAST
        return rateRow(name, rates, await isSame(folder, input, cluster.location('r0')), atLeast)
      }),
    )
  for (const [name, argsOf] of LOADS)
    rows.push(
      await withCluster(async (cluster) => {
        const leader = await cluster.leader()
        const store = cluster.location('killed')
        const loading = rate(folder, argsOf(input, store))
        const counting = await library.openStore(store)
        while ((await counting.count()) < COUNT / 4);
        await counting.close()
        await leader.kill()
        return rateRow(`${name}, leader killed midway`, [await loading], await isSame(folder, input, store))
      }),
    )
  return rows
}

function rateRow(name: string, rates: readonly number[], same: boolean, atLeast?: number): string[] {
  const perSecond = Math.round(median(rates))
  const verdict = same && perSecond >= (atLeast ?? 0) ? 'pass' : '**lost**'
  const target = atLeast === undefined ? 'identical' : `>= ${atLeast.toLocaleString('en')}/s`
  return [
    `${name} of ${COUNT.toLocaleString('en')}`,
    `${perSecond.toLocaleString('en')}/s`,
    '',
    same ? 'identical' : 'differs',
    target,
    verdict,
  ]
}

/** Entries a second of one run of kv, with its start. Rejects when it fails. */
async function rate(folder: string, args: readonly string[]): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, [KV, ...args], {
    env: environment(folder),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(`kv ${args.join(' ')} ended with ${code}`)
  return (COUNT / (performance.now() - began)) * 1000
}

/** Whether a store has exactly the entries of the input. */
async function isSame(folder: string, input: string, store: string): Promise<boolean> {
  const child = spawn(process.execPath, [KV, '--store', store, 'range', '--format', 'jsonl'], {
    env: environment(folder),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await pipeline(child.stdout, createWriteStream(`${input}.back`))
  return readFileSync(`${input}.back`).equals(readFileSync(`${input}.jsonl`))
}
