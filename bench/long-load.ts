/**
 * Loads longer than memory: whether a load of many records keeps the rate of one of few, beside `ldb load`, and with little
 * memory. Options: `--records N`, of which the first million are the few; `--memory 1g` for the limit; `--input FILE` for
 * records made before, as `bench:scale` takes them. 100 M records take 14 GB for the input and 40 GB besides.
 */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatRate, median } from '../src/bench/report/numbers.ts'
import { KV, bench, installed, peakMemory, processMs, settle } from './harness.ts'
import { limitMemory, sizeOf } from './memory-limit.ts'
import { RECORD_BYTES, writeRecords } from './records.ts'
import { bytes, limitRow, report, row } from './table.ts'

const FEW = 1_000_000
const ROUNDS = 3
/** From so many records on the peer is left out: it takes hours. */
const MOST_OF_PEER = 20_000_000
const MOST_MEMORY = 300e6

await bench({ records: 20_000_000 }, async (folder, { records, memory = '1g', input, write }) => {
  const at = (name: string): string => join(folder, name)
  const store = at('store')
  const file = input ?? at('rows.jsonl')
  const hasPeer = installed('ldb')
  const peerTakesAll = hasPeer && records <= MOST_OF_PEER
  if (input === undefined) await writeRecords(records, { jsonl: file })
  if (hasPeer) await writeRecords(FEW, { ldb: at('few.ldb') })
  if (peerTakesAll) await writeRecords(records, { ldb: at('rows.ldb') })
  const prepare = (): void => {
    for (const path of [store, `${store}-wal`, `${store}-shm`]) rmSync(path, { recursive: true, force: true })
    settle()
  }
  const command = (count: number, first = ''): string =>
    `head -c ${count * RECORD_BYTES} '${file}' | ${first} '${process.execPath}' '${KV}' --quiet --store '${store}' batch-put`
  const load = (count: number, before = ':'): number => {
    prepare()
    return processMs(folder, 'sh', ['-c', `${before}; ${command(count)}`])
  }
  const peer = (name: string): number => {
    prepare()
    return processMs(folder, 'ldb', [`--db=${store}`, '--create_if_missing', 'load'], at(name))
  }
  const few = median(Array.from({ length: ROUNDS }, () => load(FEW)))
  const fewPeer = hasPeer ? median(Array.from({ length: ROUNDS }, () => peer('few.ldb'))) : undefined
  const many = load(records)
  const { size } = statSync(store)
  prepare()
  const peak = peakMemory(folder, command(records, '$TIME'))
  const manyPeer = peerTakesAll ? peer('rows.ldb') : undefined
  const group = limitMemory(sizeOf(memory))
  const limited = typeof group === 'string' ? undefined : load(records, group.join)
  if (typeof group !== 'string') group.remove()
  prepare()

  const millions = (count: number): string => `${count / 1e6} M records`
  const show = (perSecond: number): string => `${formatRate(perSecond / 1000)} k/s`
  const perSecond = (count: number, ms: number): number => (count / ms) * 1000
  const rate = (what: string, ours: number, theirs: number, of: string, atLeast: number): string[] =>
    row({ what, ours, theirs, show, peer: of, atLeast })
  await report({
    name: records === MOST_OF_PEER ? 'long-load' : `long-load --records ${records}`,
    about:
      'Random records (keys of 16 bytes, values of 100) in random order through a pipe into a new store, durable at the end.',
    rows: [
      row({ what: `load of ${millions(FEW)}`, ours: few, theirs: fewPeer, peer: 'RocksDB, `ldb load`', atMost: 0.4 }),
      row({
        what: `load of ${millions(records)}`,
        ours: many,
        theirs: manyPeer,
        peer: 'RocksDB, `ldb load`',
        atMost: 0.35,
      }),
      rate(
        `rate of ${millions(records)}`,
        perSecond(records, many),
        perSecond(FEW, few),
        millions(FEW),
        records > MOST_OF_PEER ? 0.7 : 0.85,
      ),
      limited === undefined
        ? [`rate with ${memory.toUpperCase()}B of memory`, `not measured: ${String(group)}`, '', '', '>= 0.6', '']
        : rate(
            `rate with ${memory.toUpperCase()}B of memory, page cache included`,
            perSecond(records, limited),
            perSecond(records, many),
            'without a limit',
            0.6,
          ),
      limitRow(`peak memory of ${millions(records)}`, peak, MOST_MEMORY, bytes),
    ],
    notes: [
      `the file has ${bytes(size)}; of 1 M records medians of ${ROUNDS}, of ${millions(records)} one run each`,
      '`ldb load` writes its log without waiting for the disk.',
    ],
    folder,
    write,
  })
})
