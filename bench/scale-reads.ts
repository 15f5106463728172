/** Reads of one process through the library: `node scale-reads.js STORE KEYS`; prints milliseconds as one JSON object. */
import { readFileSync } from 'node:fs'
import { Histogram } from '../src/bench/measure/histogram.ts'
import { library } from './harness.ts'

/** Entries of a long range, and how many are read. */
const RANGE = 1000
const RANGES = 20

const [location, list] = process.argv.slice(2)
const keys = readFileSync(list!, 'utf8').trim().split('\n')
const store = await library.openStore(location!)
const [reads, ranges] = [new Histogram(), new Histogram()]
for (const key of keys) {
  const began = performance.now()
  if (store.getSync(key) === undefined) throw new Error(`${key} is not there`)
  reads.record((performance.now() - began) * 1e6)
}
for (const gte of keys.slice(0, RANGES)) {
  const began = performance.now()
  for await (const page of store.rangePages({ gte, limit: RANGE }))
    if (page.length === 0) throw new Error('an empty page')
  ranges.record((performance.now() - began) * 1e6)
}
await store.close()
const ms = { mean: reads.mean / 1e6, p99: reads.percentile(99) / 1e6, range: ranges.percentile(50) / 1e6 }
process.stdout.write(JSON.stringify(ms))
