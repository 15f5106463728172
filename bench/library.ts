/** What the library has above single operations (updates, views, computed values), beside what that is made of and peers. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { betterSqlite3 } from '../src/bench/peers/better-sqlite3.ts'
import { classicLevel } from '../src/bench/peers/classic-level.ts'
import { lmdb } from '../src/bench/peers/lmdb.ts'
import { type Peer, absence } from '../src/bench/peers/peer.ts'
import type { Target } from '../src/bench/targets/target.ts'
import { type Case, bench, inTurn, library } from './harness.ts'
import { limitRow, report, row } from './table.ts'

/** Operations in one slice: the cases take turns slice by slice. */
const WRITES = 50
const READS = 5000

/** Updates of one key at once, and commits that they may take. */
const CONTENDERS = 50
const MOST_COMMITS = 60

/** Who ask for a value that is not there. */
const CALLERS = 100

const KEY = Buffer.from('kv-bench:counter')
const VALUE = Buffer.alloc(100, 'x')

const count = (figure: number): string => String(figure)

await bench({ rounds: 40 }, async (folder, { rounds, write }) => {
  await report({
    name: 'library',
    about: `The library on an open store of one file: a key of 16 bytes and values of 100. Medians of ${rounds} slices of ${WRITES} durable writes, or ${READS.toLocaleString('en')} reads.`,
    rows: [
      ...(await updates(folder, rounds)),
      ...(await textReads(folder, rounds)),
      await contended(folder),
      await computed(folder),
    ],
    folder,
    write,
  })
})

function each(times: number, operation: () => unknown): Case {
  return {
    async run() {
      const began = performance.now()
      for (let n = 0; n < times; n++) await operation()
      return (performance.now() - began) / times
    },
  }
}

/** A peer that is opened, or why it cannot be. */
async function opened(peer: Peer, folder: string): Promise<Target | string> {
  try {
    return { name: peer.name, ...(await peer.open({ folder, durable: true, signal: new AbortController().signal })) }
  } catch (error) {
    return absence(peer.name, error).reason
  }
}

async function updates(folder: string, rounds: number): Promise<string[][]> {
  const store = await library.openStore(join(folder, 'updates.kv'))
  const place = join(folder, 'peers')
  mkdirSync(place)
  const cases: Record<string, Case> = {
    put: each(WRITES, () => store.put(KEY, VALUE)),
    update: each(WRITES, () => store.update(KEY, () => VALUE)),
  }
  const peers = await Promise.all(
    [classicLevel, lmdb, betterSqlite3].map(async ({ name, ...peer }) => {
      const target = await opened({ name, ...peer }, place)
      return { name, target }
    }),
  )
  for (const { name, target } of peers) {
    if (typeof target === 'string') continue
    cases[name] = each(WRITES, async () => {
      await target.get(KEY)
      await target.put(KEY, VALUE)
    })
  }
  const took: Record<string, number> = await inTurn(cases, rounds)
  await store.close()
  const rows = [row({ what: '`update`', ours: took['update']!, theirs: took['put'], peer: '`put`', atMost: 1.3 })]
  for (const { name, target } of peers) {
    if (typeof target === 'string') {
      rows.push([`\`update\` beside ${name}`, '', target, '', '', ''])
      continue
    }
    rows.push(row({ what: '`update`', ours: took['update']!, theirs: took[name], peer: `${name}, get and put` }))
    await target.close()
  }
  return rows
}

async function textReads(folder: string, rounds: number): Promise<string[][]> {
  const store = await library.openStore(join(folder, 'reads.kv'))
  const key = KEY.toString()
  await store.put(key, VALUE)
  const text = store.text()
  const users = store.view({ prefix: 'kv-bench:' })
  const took = await inTurn(
    {
      bytes: each(READS, () => store.get(key)),
      text: each(READS, () => text.get(key)),
      prefixed: each(READS, () => users.get('counter')),
    },
    rounds,
  )
  await store.close()
  return [
    row({ what: '`get` of a text view', ours: took.text, theirs: took.bytes, peer: '`get` of bytes', atMost: 1.1 }),
    row({ what: '`get` of a view below a prefix', ours: took.prefixed, theirs: took.bytes, peer: '`get` of bytes' }),
  ]
}

async function contended(folder: string): Promise<string[]> {
  const store = await library.openStore(join(folder, 'contended.kv'))
  await store.put(KEY, '0')
  const { revision } = await store.stat()
  await Promise.all(Array.from({ length: CONTENDERS }, () => store.incr(KEY)))
  const writes = (await store.stat()).revision - revision
  await store.close()
  return limitRow(`writes for ${CONTENDERS} \`incr\` of one key at once`, writes, MOST_COMMITS + 1, count)
}

async function computed(folder: string): Promise<string[]> {
  const store = await library.openStore(join(folder, 'computed.kv'))
  let calls = 0
  const compute = async (): Promise<string> => String(++calls)
  await Promise.all(Array.from({ length: CALLERS }, () => store.getOrSet(KEY, compute)))
  await store.close()
  return limitRow(`computations for ${CALLERS} \`getOrSet\` of one key at once`, calls, 2, count)
}
