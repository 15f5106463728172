import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { toText } from '../helpers/bytes.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Child, needLibrary, spin } from './child.ts'

/** A kill never loses what the system has in its cache: a missing fsync cannot be seen here. */
const ROUNDS = Number(process.env['KV_CRASH_ROUNDS'] ?? 12)
const KEPT = 60

test(
  'a killed writer leaves every acknowledged batch whole and no batch in part',
  { timeout: 30_000 + ROUNDS * 3000 },
  async (context) => {
    needLibrary(context)
    const path = join(tempDir(), 'store.kv')
    for (let round = 0; round < ROUNDS; round++) {
      const writer = new Child('writer.mjs', ['batches', path, 'w', String(KEPT)])
      await writer.until(2 + Math.floor(Math.random() * 80))
      spin(4)
      writer.kill('SIGKILL')
      expect((await writer.ended).signal).toBe('SIGKILL')
      const begin = performance.now()
      const store = await openStore(path)
      await store.get('w')
      expect(performance.now() - begin, 'time to open').toBeLessThan(2000)
      const acknowledged = Math.max(...writer.lines.map((line) => Number(line.replace('from ', ''))))
      await verifyBatches(store, acknowledged)
      await store.close()
    }
  },
)

async function verifyBatches(store: Store, acknowledged: number): Promise<void> {
  const counter = Number(toText((await store.get('w'))!))
  expect(counter).toBeGreaterThanOrEqual(acknowledged)
  const found = new Map<number, number[]>()
  let before = ''
  for await (const { key, value } of store.range({ prefix: 'w:' })) {
    const name = toText(key)
    expect(name > before, `${name} after ${before}`).toBe(true)
    before = name
    const [, n, i] = name.split(':').map(Number)
    const [batch, size, rest] = toText(value).split(' ')
    expect(Number(batch)).toBe(n)
    expect(/^x*$/.test(rest!)).toBe(true)
    const members = found.get(n!) ?? []
    expect(i).toBe(members.length)
    members.push(Number(size))
    found.set(n!, members)
  }
  // The newest batches, all of them: what is later than the counter was never begun, what is earlier was deleted.
  const first = Math.max(1, counter - KEPT + 1)
  expect([...found.keys()]).toEqual(Array.from({ length: counter - first + 1 }, (_, i) => first + i))
  for (const [n, members] of found)
    expect(members, `batch ${n}`).toEqual(Array.from({ length: members[0]! }, () => members[0]))
  expect(await store.check()).toMatchObject({ unchecked: 0, damagedKeys: [], problems: [] })
}

test(
  'a process killed while it makes a store leaves a healthy one or none',
  { timeout: 30_000 + ROUNDS * 2000 },
  async (context) => {
    needLibrary(context)
    const folder = tempDir()
    let next = 0
    let absent = 0
    for (let round = 0; round < ROUNDS; round++) {
      const writer = new Child('writer.mjs', ['create', folder, String(next)])
      // Lines come in pairs, start and done: kill inside a pair.
      await writer.until(1 + 2 * Math.floor(Math.random() * 5))
      spin(6)
      writer.kill('SIGKILL')
      await writer.ended
      const started = writer.lines.filter((line) => line.startsWith('start')).map((line) => Number(line.split(' ')[1]))
      for (const n of started) {
        const path = join(folder, `${n}.kv`)
        const done = writer.lines.includes(`done ${n}`)
        if (done) expect(existsSync(path)).toBe(true)
        if (!existsSync(path)) absent++
        const store = await openStore(path)
        const value = await store.get('first')
        expect(done ? value && toText(value) : `${n}`).toBe(`${n}`)
        if (value !== undefined) expect(toText(value)).toBe(`${n}`)
        await store.put('second', 'v')
        expect(await store.count()).toBe(value === undefined ? 1 : 2)
        expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
        await store.close()
      }
      next = started.at(-1)! + 1
    }
    context.annotate(`${next} stores made, ${absent} of them killed before they were there`)
  },
)

test(
  'eight processes that make, write and read one file at once lose nothing',
  { timeout: 120_000 },
  async (context) => {
    needLibrary(context)
    const rounds = 60
    const path = join(tempDir(), 'store.kv')
    const children = Array.from(
      { length: 8 },
      (_, id) => new Child('writer.mjs', ['contend', path, `p${id}`, String(rounds)]),
    )
    for (const child of children) await child.until(1)
    expect(existsSync(path)).toBe(false)
    for (const child of children) child.say('go')
    const ends = await Promise.all(children.map((child) => child.ended))
    for (const end of ends) expect(end).toEqual({ code: 0, signal: null, stderr: '' })
    expect(readdirSync(join(path, '..'))).toEqual(['store.kv'])
    const store = await openTestStore(path)
    for (const child of children) {
      const acknowledged = child.lines.filter((line) => line.startsWith('p'))
      expect(acknowledged).toHaveLength(rounds)
      expect((await store.getMany(acknowledged)).every((entry) => entry !== undefined)).toBe(true)
    }
    expect(toText((await store.get('counter'))!)).toBe(String(8 * rounds))
    expect(await store.count()).toBe(8 * rounds + 1)
    expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
  },
)

test.skipIf(process.platform !== 'linux').for(['idle', 'hold'])(
  'a stopped reader (%s) does not block a writer',
  async (how, context) => {
    needLibrary(context)
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path, { timeoutMs: 2000 })
    await store.put('k', 'before')
    await store.batch(
      Array.from({ length: 3000 }, (_, i) => ({ type: 'put', key: `fill${i}`, value: 'v'.repeat(100) })),
    )
    const reader = new Child('writer.mjs', ['reader', path, how])
    await reader.until(1)
    reader.kill('SIGSTOP')
    while (!/^\d+ \(.*\) T/.test(readFileSync(`/proc/${reader.pid}/stat`, 'utf8'))) await new Promise(setImmediate)
    // Enough for several checkpoints of the log.
    for (let i = 0; i < 40; i++) await store.put(`big${i % 5}`, new Uint8Array(500_000))
    await store.put('k', 'after')
    await store.delRange({ prefix: 'fill' })
    expect(await store.count()).toBe(6)
    const late = await openTestStore(path, { timeoutMs: 2000 })
    expect(toText((await late.get('k'))!)).toBe('after')
    await late.close()
    reader.kill('SIGCONT')
    reader.say('now')
    await reader.until(2)
    expect(reader.lines[1]).toBe('after')
    reader.endInput()
    expect(await reader.ended).toEqual({ code: 0, signal: null, stderr: '' })
  },
)

test('killed readers leave nothing behind that blocks', async (context) => {
  needLibrary(context)
  const path = join(tempDir(), 'store.kv')
  const store = await openTestStore(path, { timeoutMs: 2000 })
  await store.put('k', 'before')
  await store.batch(Array.from({ length: 3000 }, (_, i) => ({ type: 'put', key: `fill${i}`, value: 'v'.repeat(100) })))
  const readers = ['idle', 'hold', 'hold', 'idle', 'hold', 'hold'].map(
    (how) => new Child('writer.mjs', ['reader', path, how]),
  )
  for (const reader of readers) {
    await reader.until(1)
    reader.kill('SIGKILL')
    await reader.ended
  }
  for (let i = 0; i < 40; i++) await store.put(`big${i % 5}`, new Uint8Array(500_000))
  await store.delRange({ prefix: 'fill' })
  await store.close()
  // The log has moved into the file; nobody's snapshot was in the way.
  expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
  const again = await openTestStore(path)
  expect(toText((await again.get('k'))!)).toBe('before')
  expect(await again.check()).toMatchObject({ checked: 6, damagedKeys: [], problems: [] })
})
