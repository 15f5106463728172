/** Writes to a store and prints a line for what is acknowledged, in the thread that writes. */
import { writeSync } from 'node:fs'
import { library } from '../crash/library.mjs'

const [what, path, ...flags] = process.argv.slice(2)
const { openStore } = await library()
const store = await openStore(path, { durable: !flags.includes('--no-sync') })
const told = (state) => writeSync(1, `${JSON.stringify(state)}\n`)

/** What the store holds, as the acknowledged writes have left it. */
const state = {}
const done = () => told(state)
const batch = async (ops) => {
  await store.batch(ops)
  for (const { type, key, value } of ops) {
    if (type === 'put') state[key] = value
    else delete state[key]
  }
  done()
}

if (what === 'puts') {
  for (let i = 0; i < 12; i++)
    await batch([{ type: 'put', key: `k${i % 5}`, value: `${i}`.repeat(i === 7 ? 9000 : 20) }])
  await batch([{ type: 'del', key: 'k2' }])
} else if (what === 'batches') {
  for (let i = 0; i < 8; i++) {
    const puts = Array.from({ length: 40 }, (_, n) => ({
      type: 'put',
      key: `b${(n * 7 + i) % 60}`,
      value: `${i}:${'x'.repeat(200 + n)}`,
    }))
    await batch([...puts, { type: 'del', key: `b${i}` }])
  }
} else if (what === 'long values') {
  // In place of a short one, of a long one, and the other way round.
  for (const [key, value] of ['a1', 'b400', 'a3000', 'a900', 'b1', 'c700', 'b300', 'c20000'].map((text) => [
    text[0],
    text[0].repeat(Number(text.slice(1))),
  ]))
    await batch([{ type: 'put', key, value }])
  await batch([
    { type: 'del', key: 'a' },
    { type: 'put', key: 'c', value: 'short' },
  ])
} else throw new Error(`unknown: ${what}`)
await store.close()
