/**
 * A process that works on a store until it is done or killed, and says on stdout, a line each, what
 * has been acknowledged. `node writer.mjs MODE ARGUMENTS`; without a mode of that name it fails.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { library } from './library.mjs'

const { openStore } = await library()
const [mode, ...args] = process.argv.slice(2)

/** At once and unbuffered, so that a line never waits for a process that is killed. */
const say = (line) => writeSync(1, `${line}\n`)
const random = (below) => Math.floor(Math.random() * below)
const number = (n) => String(n).padStart(8, '0')
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const heard = async () => (await input.next()).value

const MODES = {
  /** Puts the same number under ten keys, again and again, each time in one batch with values of some length. */
  async same(path) {
    const store = await openStore(path)
    for (let n = 1; ; n++) {
      const value = `${n} ${'x'.repeat(random(30_000))}`
      await store.batch(Array.from({ length: 10 }, (_, i) => ({ type: 'put', key: `same:${i}`, value })))
      say(`${n}`)
    }
  },

  /**
   * Batch n puts the keys `ID:n:0 .. ID:n:k-1`, each with `n k` at the beginning of its value, deletes the
   * keys of batch n - KEPT, and sets the counter `ID`. Several batches are under way at once.
   */
  async batches(path, id, kept) {
    const store = await openStore(path)
    const counter = await store.get(id)
    let last = counter === undefined ? 0 : Number(Buffer.from(counter).toString())
    const sizes = new Map()
    for await (const { key, value } of store.range({ prefix: `${id}:` })) {
      const n = Number(Buffer.from(key).toString().split(':')[1])
      sizes.set(n, Number(Buffer.from(value).toString('latin1', 0, 40).split(' ')[1]))
    }
    say(`from ${last}`)
    const line = async () => {
      for (;;) {
        const n = ++last
        const size = 1 + random(20)
        sizes.set(n, size)
        const ops = Array.from({ length: size }, (_, i) => ({
          type: 'put',
          key: `${id}:${number(n)}:${number(i)}`,
          value: `${n} ${size} ${'x'.repeat(random(50) === 0 ? random(200_000) : random(2000))}`,
        }))
        const old = n - Number(kept)
        for (let i = 0; i < (sizes.get(old) ?? 0); i++)
          ops.push({ type: 'del', key: `${id}:${number(old)}:${number(i)}` })
        sizes.delete(old)
        ops.push({ type: 'put', key: id, value: String(n) })
        await store.batch(ops)
        say(`${n}`)
      }
    }
    await Promise.all([line(), line(), line()])
  },

  /** Makes one store after another in a folder, with one put each. */
  async create(folder, first) {
    for (let n = Number(first); ; n++) {
      say(`start ${n}`)
      const store = await openStore(`${folder}/${n}.kv`)
      await store.put('first', String(n))
      say(`done ${n}`)
      await store.close()
    }
  },

  /**
   * Says when it is ready, waits for a line, then puts keys of its own and counts one shared counter up, reading all
   * the while.
   */
  async contend(path, id, rounds) {
    say('ready')
    await heard()
    const store = await openStore(path, { timeoutMs: 60_000 })
    for (let i = 0; i < Number(rounds); i++) {
      await store.put(`${id}:${number(i)}`, String(i))
      say(`${id}:${number(i)}`)
      if ((await store.get(`${id}:${number(i)}`)) === undefined) throw new Error('an acknowledged put is not there')
      if (i % 10 === 0) {
        let before
        for await (const { key } of store.range()) {
          if (before !== undefined && Buffer.compare(before, key) >= 0) throw new Error('keys out of order')
          before = key
        }
      }
      for (let done = false; !done;) {
        const entry = await store.getEntry('counter')
        const next = String(Number(entry ? Buffer.from(entry.value).toString() : 0) + 1)
        done = (await store.put('counter', next, { condition: { type: 'revision', revision: entry?.revision ?? 0 } }))
          .applied
      }
    }
    await store.close()
    say('end')
  },

  /** Reads a key, then answers each line with the key's value now. With `hold`, stays inside a range. */
  async reader(path, hold) {
    const store = await openStore(path)
    const value = async () => Buffer.from((await store.get('k')) ?? []).toString()
    if (hold === 'hold') {
      const range = store.range()[Symbol.asyncIterator]()
      for (let i = 0; i < 1500; i++) await range.next()
    }
    say(`ready ${await value()}`)
    while ((await heard()) !== undefined) say(await value())
    await store.close()
  },
}

await MODES[mode](...args)
process.stdin.destroy()
