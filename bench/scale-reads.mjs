/** Reads of one process through the library: `node scale-reads.mjs STORE KEYS`; prints seconds as one JSON object. */
import { readFileSync } from 'node:fs'
import { openStore } from '../dist/index.js'

/** Entries of a long range, and how many are read. */
const RANGE = 1000
const RANGES = 20

const [location, list] = process.argv.slice(2)
const keys = readFileSync(list, 'utf8').trim().split('\n')
const store = await openStore(location)
const took = []
for (const key of keys) {
  const began = performance.now()
  if (store.getSync(key) === undefined) throw new Error(`${key} is not there`)
  took.push((performance.now() - began) / 1000)
}
const ranges = []
for (const gte of keys.slice(0, RANGES)) {
  const began = performance.now()
  for await (const page of store.rangePages({ gte, limit: RANGE }))
    if (page.length === 0) throw new Error('an empty page')
  ranges.push((performance.now() - began) / 1000)
}
await store.close()
took.sort((a, b) => a - b)
ranges.sort((a, b) => a - b)
process.stdout.write(
  JSON.stringify({
    mean: took.reduce((sum, one) => sum + one, 0) / took.length,
    p99: took[Math.floor(took.length * 0.99)],
    range: ranges[ranges.length >> 1],
  }),
)
