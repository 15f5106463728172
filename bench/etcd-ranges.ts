/** Ranges of a million entries of 100 bytes in a cluster of etcd. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { median } from '../src/bench/report/numbers.ts'
import type { EtcdCluster } from '../test/helpers/etcd-cluster.ts'
import { KV, environment, kvMs, peakMemory, processMs } from './harness.ts'
import { bytes, limitRow, time } from './table.ts'

const COUNT = 1_000_000
const VALUE_BYTES = 100
/** Keys a second that a range must reach, its memory at most, and the time of the last ten keys at most. */
const AT_LEAST = 250_000
const MOST_BYTES = 200e6
const LAST_MS = 500

/** Rows of what `kv range` and `kv count` take. */
export async function rangeRows(folder: string, rounds: number, cluster: EtcdCluster): Promise<string[][]> {
  const input = join(folder, 'ranges.jsonl')
  await pipeline(Readable.from(lines()), createWriteStream(input))
  const store = cluster.location('ranges')
  execFileSync(process.execPath, [KV, '--store', store, '--quiet', 'batch-put', input], { env: environment(folder) })
  const several = (run: () => number): number => median(Array.from({ length: rounds }, run))
  const kv = `'${process.execPath}' '${KV}' --store '${store}'`
  const whole = several(() => processMs(folder, 'sh', ['-c', `${kv} range --format jsonl | cat > /dev/null`]))
  const reverse = several(() =>
    processMs(folder, 'sh', ['-c', `${kv} range --reverse --format jsonl | cat > /dev/null`]),
  )
  const last = several(() => kvMs(folder, '--store', store, 'range', '--reverse', '--limit', '10', '--keys'))
  const count = several(() => kvMs(folder, '--store', store, 'count'))
  const peak = peakMemory(folder, `$TIME ${kv} range --format jsonl | cat > /dev/null`)
  const rate = (ms: number): number => Math.round((COUNT / ms) * 1000)
  const shown = (ms: number): string => `${rate(ms).toLocaleString('en')}/s`
  const verdict = rate(whole) >= AT_LEAST ? 'pass' : '**lost**'
  return [
    [
      `range of ${COUNT.toLocaleString('en')} keys`,
      shown(whole),
      '',
      '',
      `>= ${AT_LEAST.toLocaleString('en')}/s`,
      verdict,
    ],
    limitRow('the same: peak memory of kv', peak, MOST_BYTES, bytes),
    ['the same in reverse', shown(reverse), '', '', '', ''],
    limitRow('the last 10 keys in reverse, with the start of kv', last, LAST_MS, time),
    ['count of all of them, with the start of kv', time(count), '', '', '', ''],
  ]
}

function* lines(): Generator<string, void, void> {
  for (let i = 0; i < COUNT; i++) {
    const entry = { key: `user:${String(i).padStart(9, '0')}`, value: String(i).padEnd(VALUE_BYTES, 'v') }
    yield `${JSON.stringify(entry)}\n`
  }
}
