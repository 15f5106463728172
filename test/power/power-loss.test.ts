import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { emptyStoreSql } from '../../src/drivers/sqlite/file/create.ts'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { openStore } from '../../src/index.ts'
import { needLibrary } from '../crash/child.ts'
import { toText } from '../helpers/bytes.ts'
import { BIN } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Disk, type Survives } from './disk.ts'
import { type Call, needTrace, traced } from './trace.ts'

/** Images at random of each moment, besides those where everything and nothing survives. */
const IMAGES = Number(process.env['KV_POWER_IMAGES'] ?? 2)

const WRITER = fileURLToPath(new URL('writer.mjs', import.meta.url))

/** Key and value of every entry, as JSON with sorted keys. */
type State = string

const EMPTY = stateOf({})

function stateOf(entries: Readonly<Record<string, string>>): State {
  return JSON.stringify(Object.entries(entries).sort())
}

/** The format of a file, as SQLite keeps it in the header (https://www.sqlite.org/fileformat2.html#user_version_number). */
function formatOf(path: string): number {
  return readFileSync(path).readUInt32BE(60)
}

/**
 * A coin for each pending change, from a seed (mulberry32,
 * https://gist.github.com/tommyettinger/46a874533244883189143505d203312c).
 */
function coins(seed: number): Survives {
  let a = seed
  return () => {
    a = (a + 0x6d_2b_79_f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) & 1) === 0
  }
}

/** What a start after the power loss finds: a healthy store, or none. */
async function found(folder: string, file: string): Promise<State> {
  const path = join(folder, file)
  if (!existsSync(path)) {
    expect(existsSync(`${path}-wal`), 'a log without its store').toBe(false)
    return EMPTY
  }
  const store = await openStore(path)
  try {
    const entries: Record<string, string> = {}
    for await (const { key, value } of store.range()) entries[toText(key)] = toText(value)
    expect(await store.check()).toMatchObject({ unchecked: 0, damagedKeys: [], problems: [] })
    // It can be written too.
    await store.put('after', '1')
    expect(toText((await store.get('after'))!)).toBe('1')
    return stateOf(entries)
  } finally {
    await store.close()
  }
}

/**
 * Cuts the power just before each sync and after each acknowledgement, and hands what is found to `judge`:
 * what could be on the disk at a moment in between could be there at the next of these too.
 */
async function cutPower(
  disk: Disk,
  calls: readonly Call[],
  file: string,
  judge: (state: State, printed: readonly string[], moment: string) => void,
): Promise<number> {
  const printed: string[] = []
  let images = 0
  const cut = async (i: number): Promise<void> => {
    const choices: Survives[] = [() => false]
    if (disk.pending > 0) choices.push(() => true, ...Array.from({ length: IMAGES }, (_, n) => coins(i * 1000 + n)))
    for (const [n, survives] of choices.entries()) {
      const folder = mkdtempSync(join(tmpdir(), 'kv-image-'))
      const moment = `at call ${i} of ${calls.length}, image ${n}, acknowledged ${printed.length}`
      try {
        disk.write(folder, survives)
        judge(await found(folder, file), printed, moment)
        images++
      } catch (error) {
        throw new Error(`${moment}: ${(error as Error).message}; on the disk: ${readdirSync(folder).join(' ')}`, {
          cause: error,
        })
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
  for (const [i, call] of calls.entries()) {
    if (call.type === 'sync' && disk.isOpen(call.fd)) await cut(i)
    if (call.type === 'print') printed.push(...call.text.trimEnd().split('\n'))
    disk.apply(call)
    if (call.type === 'print') await cut(i)
  }
  await cut(calls.length)
  disk.ended()
  return images
}

/** The acknowledged state, or with the write that was under way. */
function isAcknowledgedOrNext(states: readonly State[]) {
  return (state: State, printed: readonly string[], moment: string): void => {
    expect([states[printed.length], states[printed.length + 1]], moment).toContain(state)
  }
}

describe('after a power loss', { timeout: 120_000 }, () => {
  test.for(['puts', 'batches', 'long values'])(
    'every acknowledged write is there and none in part: %s',
    async (what, context) => {
      needTrace(context)
      needLibrary(context)
      const root = tempDir()
      const calls = traced([WRITER, what, join(root, 's.kv')])
      const states = [
        EMPTY,
        ...calls
          .flatMap((call) => (call.type === 'print' ? call.text.trimEnd().split('\n') : []))
          .map((line) => stateOf(JSON.parse(line) as Record<string, string>)),
      ]
      expect(states.length).toBeGreaterThan(8)
      expect(await cutPower(new Disk(root), calls, 's.kv', isAcknowledgedOrNext(states))).toBeGreaterThan(100)
    },
  )

  test('a put of each process is there from its exit on, also the one that made the store and its folders', async (context) => {
    needTrace(context)
    const data = tempDir()
    const disk = new Disk(data)
    const file = 'kv/default.kv'
    const entries: Record<string, string> = {}
    const states = [EMPTY]
    for (const key of ['a', 'b', 'c']) {
      states.push(stateOf({ ...entries, [key]: key }))
      const calls = traced([BIN, 'put', key, key], { env: { XDG_DATA_HOME: data } })
      entries[key] = key
      await cutPower(disk, calls, file, (state, _, moment) => expect(states.slice(-2), moment).toContain(state))
      // The exit is the acknowledgement.
      const folder = join(tempDir(), 'image')
      mkdirSync(folder)
      disk.write(folder, () => false)
      expect(await found(folder, file)).toBe(states.at(-1))
      states.shift()
    }
  })

  test.for([false, true])(
    'a load is there to a record, and nothing behind it (--atomic: %s)',
    async (atomic, context) => {
      needTrace(context)
      const root = tempDir()
      const records = Array.from(
        { length: 600 },
        (_, i) => [`k${String((i * 7) % 600).padStart(4, '0')}`, `v${i}${'x'.repeat(60)}`] as const,
      )
      const input = records.map(([key, value]) => `${JSON.stringify({ key, value })}\n`).join('')
      const calls = traced([BIN, '--store', join(root, 's.kv'), 'batch-put', ...(atomic ? ['--atomic'] : [])], {
        input,
      })
      const whole = stateOf(Object.fromEntries(records))
      const disk = new Disk(root)
      await cutPower(disk, calls, 's.kv', (state, _, moment) => expect([EMPTY, whole], moment).toContain(state))
      const folder = tempDir()
      disk.write(folder, () => false)
      expect(await found(folder, 's.kv')).toBe(whole)
    },
  )

  test('a load that is sorted first is there as a whole in a store that was there before, or not at all', async (context) => {
    needTrace(context)
    const root = tempDir()
    const store = join(root, 's.kv')
    const disk = new Disk(root)
    const before = { k0001: 'before', z: 'long '.repeat(100) }
    for (const [key, value] of Object.entries(before))
      for (const call of traced([BIN, '--store', store, 'put', key, value])) disk.apply(call)
    disk.ended()
    const records = Array.from(
      { length: 300 },
      (_, i) => [`k${String((i * 7) % 300).padStart(4, '0')}`, `v${i}`.repeat(i % 10 === 0 ? 100 : 10)] as const,
    )
    const input = records.map(([key, value]) => `${JSON.stringify({ key, value })}\n`).join('')
    const calls = traced([BIN, '--store', store, 'batch-put', '--atomic'], { input })
    const states = [stateOf(before), stateOf({ ...before, ...Object.fromEntries(records) })]
    await cutPower(disk, calls, 's.kv', (state, _, moment) => expect(states, moment).toContain(state))
    const folder = tempDir()
    disk.write(folder, () => false)
    expect(await found(folder, 's.kv')).toBe(states[1])
  })

  test('a store that is rewritten as another format has the same entries at every moment', async (context) => {
    needTrace(context)
    const root = tempDir()
    const store = join(root, 's.kv')
    const database = new (sqliteEngine().DatabaseSync)(store)
    database.exec(`${emptyStoreSql(undefined, ROWS)} pragma journal_mode = wal`)
    database.close()
    const entries = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`k${(i * 37) % 200}`, `v${i}`.repeat(i % 5 === 0 ? 100 : 5)]),
    )
    await using made = await openStore(store)
    await made.batch(Object.entries(entries).map(([key, value]) => ({ type: 'put', key, value })))
    await made.close()
    const disk = new Disk(root)
    disk.has(store, readFileSync(store))
    const calls = traced([BIN, '--store', store, 'compact'])
    const whole = stateOf(entries)
    expect(
      await cutPower(disk, calls, 's.kv', (state, _, moment) => expect(state, moment).toBe(whole)),
    ).toBeGreaterThan(10)
    expect(formatOf(store)).toBe(CLUSTERED.format)
    const folder = tempDir()
    disk.write(folder, () => false)
    expect(formatOf(join(folder, 's.kv'))).toBe(CLUSTERED.format)
  })

  test('writes that did not wait for the disk may be gone, and the store is whole', async (context) => {
    needTrace(context)
    needLibrary(context)
    const root = tempDir()
    const calls = traced([WRITER, 'puts', join(root, 's.kv'), '--no-sync'])
    const states = [EMPTY]
    for (const call of calls) {
      if (call.type === 'print')
        states.push(
          ...call.text
            .trimEnd()
            .split('\n')
            .map((line) => stateOf(JSON.parse(line) as Record<string, string>)),
        )
    }
    let lost = 0
    await cutPower(new Disk(root), calls, 's.kv', (state, printed, moment) => {
      expect(states.slice(0, printed.length + 2), moment).toContain(state)
      if (!states.slice(printed.length).includes(state)) lost++
    })
    // Else the simulated disk would not tell a missing sync.
    expect(lost).toBeGreaterThan(0)
  })
})
