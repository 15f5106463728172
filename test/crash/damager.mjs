/**
 * Damages copies of a store at random, by numbered seeds, and works on each:
 * `node damager.mjs HEALTHY COPY FIRST_SEED COUNT`. Fails when something other than a KvError
 * (and not one for a bug) or a sane result comes of it. A line for each seed.
 */
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { library } from './library.mjs'

const { KvError, openStore } = await library()
const [healthy, copy, first, count] = process.argv.slice(2)
const original = readFileSync(healthy)
const PAGE = 4096

function generator(seed) {
  let state = seed * 2654435761
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function damage(random) {
  const bytes = Buffer.from(original)
  const pages = bytes.length / PAGE
  for (let hits = 1 + random(3); hits > 0; hits--) {
    const page = random(pages) * PAGE
    switch (random(5)) {
      case 0: // A page of zeros; never the header, which the table of foreign files has.
        bytes.fill(0, Math.max(page, 100), page + PAGE)
        break
      case 1: // A page of garbage.
        for (let i = Math.max(page, 100); i < page + PAGE; i++) bytes[i] = random(256)
        break
      case 2: // Another page's content.
        if (page > 0) original.copy(bytes, page, random(pages) * PAGE, undefined)
        break
      case 3: // A few bytes at the beginning of a page, where its structure is.
        for (let i = 0; i < 4; i++) bytes[Math.max(page, 100) + random(64)] = random(256)
        break
      default: // A few bytes anywhere behind the first 100.
        for (let i = 0; i < 20; i++) bytes[100 + random(bytes.length - 100)] = random(256)
    }
  }
  return bytes.subarray(0, original.length)
}

const isBytes = (value) => value instanceof Uint8Array
const sane = (entry) =>
  entry === undefined ||
  (isBytes(entry.key) &&
    isBytes(entry.value) &&
    typeof entry.revision === 'number' &&
    ['undefined', 'number'].includes(typeof entry.expires))
function must(condition, what) {
  if (!condition) throw new Error(what)
}

const ACTIONS = {
  async get(store) {
    const value = await store.get('k100')
    must(value === undefined || isBytes(value), `get gave ${value}`)
  },
  async getMany(store) {
    const entries = await store.getMany(['k000', 'k250', 'k499', 'none'])
    must(entries.length === 4 && entries.every(sane), 'getMany gave no entries')
  },
  async range(store) {
    let seen = 0
    for await (const entry of store.range()) {
      must(sane(entry), `range gave ${JSON.stringify(entry)}`)
      if (++seen > 100_000) break
    }
  },
  async reverse(store) {
    let seen = 0
    for await (const entry of store.range({ reverse: true, keysOnly: true, gte: 'k1' })) {
      must(sane(entry), `range gave ${JSON.stringify(entry)}`)
      if (++seen > 100_000) break
    }
  },
  async count(store) {
    must(
      Number.isSafeInteger(await store.count()) && Number.isSafeInteger(await store.count({ prefix: 'k1' })),
      'count gave no number',
    )
  },
  async stat(store) {
    must(Number.isSafeInteger((await store.stat()).entries), 'stat gave no number')
  },
  async check(store) {
    const { damagedKeys, problems } = await store.check()
    must(
      damagedKeys.every(isBytes) && problems.every((line) => typeof line === 'string'),
      'check gave a strange report',
    )
    return damagedKeys.length + problems.length > 0 ? 'found' : undefined
  },
  put: (store) => store.put('k100', 'new').then(() => undefined),
  conditional: (store) => store.put('k101', 'new', { condition: { type: 'absent' } }).then(() => undefined),
  del: (store) => store.del('k300').then(() => undefined),
  batch: (store) =>
    store
      .batch([
        { type: 'put', key: 'z', value: 'x'.repeat(10_000) },
        { type: 'del', key: 'k200' },
      ])
      .then(() => undefined),
  delRange: (store) => store.delRange({ prefix: 'k4' }).then(() => undefined),
}

for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  writeSync(1, `${seed}`)
  // A file of its own for each: an engine may keep the last one open for a while.
  const path = `${copy}.${seed}`
  writeFileSync(path, damage(generator(seed)))
  const outcomes = []
  const attempt = async (name, action) => {
    try {
      const outcome = await action()
      if (outcome === 'found') outcomes.push(`${name}:found`)
      return outcome
    } catch (error) {
      if (!(error instanceof KvError) || error.code === 'KV_INTERNAL' || error.code === 'KV_CLOSED') {
        writeSync(2, `seed ${seed}, ${name}: ${error.stack}\n`)
        process.exitCode = 1
      }
      outcomes.push(`${name}:${error.code}`)
      return undefined
    }
  }
  const store = await attempt('open', () => openStore(path, { durable: false, timeoutMs: 200 }))
  if (store !== undefined) {
    for (const [name, action] of Object.entries(ACTIONS)) await attempt(name, () => action(store))
    await attempt('close', () => store.close())
  }
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  writeSync(1, ` ${outcomes.join(' ')}\n`)
}
