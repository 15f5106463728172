import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { type Store, openStore } from '../../src/index.ts'
import { noise, toText } from '../helpers/bytes.ts'
import { failure, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Child, needLibrary } from './child.ts'

/** Runs SQL on a file with the engine itself, as another tool would. */
function sql(path: string, ...statements: string[]): void {
  const { DatabaseSync } = sqliteEngine()
  const connection = new DatabaseSync(path)
  try {
    for (const statement of statements) connection.exec(statement)
  } finally {
    connection.close()
  }
}

/**
 * A closed store of 500 entries in one file. A copy, because an engine may keep a file open, and
 * its log beside it, for a while after close.
 */
async function healthy(path: string): Promise<void> {
  const made = join(tempDir(), 'made.kv')
  const store = await openStore(made)
  await store.batch(
    Array.from({ length: 500 }, (_, i) => ({
      type: 'put',
      key: `k${String(i).padStart(3, '0')}`,
      value: noise(i * 3, i + 1),
    })),
  )
  await store.close()
  sql(made, 'pragma wal_checkpoint(truncate)')
  copyFileSync(made, path)
}

/** Changes bytes 60 to 63 of the header, where the format's version is. */
async function version(path: string, number: number): Promise<void> {
  await healthy(path)
  const bytes = readFileSync(path)
  bytes.writeInt32BE(number, 60)
  writeFileSync(path, bytes)
}

const READS: Record<string, (store: Store) => Promise<unknown>> = {
  get: (store) => store.get('a'),
  getEntry: (store) => store.getEntry('a'),
  getMany: (store) => store.getMany(['a', 'b']),
  range: async (store) => {
    for await (const entry of store.range()) expect(entry.key).toBeInstanceOf(Uint8Array)
  },
  count: (store) => store.count(),
  stat: (store) => store.stat(),
  check: (store) => store.check(),
}

const WRITES: Record<string, (store: Store) => Promise<unknown>> = {
  put: (store) => store.put('a', '1'),
  del: (store) => store.del('a'),
  batch: (store) => store.batch([{ type: 'put', key: 'a', value: '1' }]),
  delRange: (store) => store.delRange({ prefix: 'a' }),
}

/** What may stand where a store is expected, and how every read and write of it must end. */
const FILES: Record<string, { code: string | readonly string[]; make(path: string): Promise<void> | void }> = {
  'a text file': { code: 'KV_FOREIGN', make: (path) => writeFileSync(path, 'Dear diary,\n'.repeat(1000)) },
  'a short text file': { code: 'KV_FOREIGN', make: (path) => writeFileSync(path, 'x') },
  'a JSON file': { code: 'KV_FOREIGN', make: (path) => writeFileSync(path, '{"key":"a","value":"1"}\n') },
  'random bytes': { code: 'KV_FOREIGN', make: (path) => writeFileSync(path, noise(20_000)) },
  'a SQLite file of another program': {
    code: 'KV_FOREIGN',
    make: (path) => sql(path, 'create table kv(key, value)', "insert into kv values ('a', 'b')"),
  },
  'a SQLite file of another program in WAL mode': {
    code: 'KV_FOREIGN',
    make: (path) => sql(path, 'pragma journal_mode = wal', 'create table kv(key, value)'),
  },
  'an empty file': { code: 'KV_CORRUPT', make: (path) => writeFileSync(path, '') },
  zeros: { code: 'KV_CORRUPT', make: (path) => writeFileSync(path, new Uint8Array(40_960)) },
  'a few zeros': { code: 'KV_CORRUPT', make: (path) => writeFileSync(path, new Uint8Array(10)) },
  'a store cut off inside its header': { code: ['KV_CORRUPT', 'KV_FOREIGN'], make: (path) => cut(path, 60) },
  'a store cut off inside its magic': { code: ['KV_CORRUPT', 'KV_FOREIGN'], make: (path) => cut(path, 8) },
  'a store cut off after its header': { code: 'KV_CORRUPT', make: (path) => cut(path, 100) },
  'a store cut off after its first page': { code: 'KV_CORRUPT', make: (path) => cut(path, 4096) },
  'a store cut off in the middle': { code: 'KV_CORRUPT', make: (path) => cut(path, 40_000) },
  'a store without its last byte': { code: 'KV_CORRUPT', make: (path) => cut(path, -1) },
  'a store cut off, with an empty log beside it': {
    code: 'KV_CORRUPT',
    async make(path) {
      await cut(path, 40_000)
      writeFileSync(`${path}-wal`, '')
    },
  },
  'a store of a newer format': {
    code: 'KV_NEWER_FORMAT',
    make: (path) => version(path, 99),
  },
  'a store of a negative format': {
    code: ['KV_NEWER_FORMAT', 'KV_FOREIGN', 'KV_CORRUPT'],
    make: (path) => version(path, -1),
  },
  'a folder': { code: 'KV_FOREIGN', make: (path) => void mkdirSync(path) },
  'a FIFO': { code: 'KV_FOREIGN', make: (path) => void execFileSync('mkfifo', [path]) },
  'a device': { code: 'KV_FOREIGN', make: (path) => symlinkSync('/dev/zero', path) },
}

async function cut(path: string, bytes: number): Promise<void> {
  await healthy(path)
  truncateSync(path, bytes < 0 ? statSync(path).size + bytes : bytes)
}

/** Everything about a folder that must stay as it is. */
function picture(folder: string): unknown {
  return readdirSync(folder).map((name) => {
    const stat = statSync(join(folder, name))
    return [name, stat.mode, stat.isFile() ? readFileSync(join(folder, name)).toString('base64') : stat.ino]
  })
}

describe('what is not a healthy store is refused and left as it is', () => {
  for (const [what, { code, make }] of Object.entries(FILES)) {
    test(what, async () => {
      const folder = tempDir()
      const path = join(folder, 'store.kv')
      await make(path)
      // The engine's own files of the making; what counts is the file.
      const before = picture(folder)
      for (const [name, action] of Object.entries({ ...READS, ...WRITES })) {
        const error = await failure(async () => {
          const store = await openStore(path)
          try {
            await action(store)
          } finally {
            await store.close()
          }
        })
        expect([code].flat(), `${name}: ${error.message}`).toContain(error.code)
        expect(error.message).toContain(existsSync(path) ? realpathSync(path) : path)
        expect(picture(folder)).toEqual(before)
      }
    })
  }

  test('a store opened before the file came refuses it too', async () => {
    const folder = tempDir()
    const path = join(folder, 'store.kv')
    const store = await openTestStore(path)
    expect(await store.get('a')).toBeUndefined()
    writeFileSync(path, 'not a store\n')
    for (const action of Object.values({ ...READS, ...WRITES }))
      expect((await failure(() => action(store))).code).toBe('KV_FOREIGN')
    expect(readFileSync(path, 'utf8')).toBe('not a store\n')
    expect(readdirSync(folder)).toEqual(['store.kv'])
  })
})

describe('a link', () => {
  test('to a store is that store', async () => {
    const folder = tempDir()
    mkdirSync(join(folder, 'real'))
    await healthy(join(folder, 'real', 'store.kv'))
    symlinkSync(join('real', 'store.kv'), join(folder, 'link.kv'))
    const store = await openTestStore(join(folder, 'link.kv'))
    expect(await store.count()).toBe(500)
    await store.put('new', 'v')
    const direct = await openTestStore(join(folder, 'real', 'store.kv'))
    expect(await direct.count()).toBe(501)
  })

  test('to a store whose pages are still in its log is that store', async () => {
    const folder = tempDir()
    for (const name of ['live', 'copy']) mkdirSync(join(folder, name))
    const live = await openTestStore(join(folder, 'live', 'store.kv'))
    await live.batch(Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: `k${i}`, value: noise(1000, i + 1) })))
    sql(join(folder, 'live', 'store.kv'), 'pragma wal_checkpoint(passive)')
    // What a power loss in the middle of a checkpoint leaves: page 1 moved, later ones not, the log whole.
    for (const suffix of ['', '-wal'])
      copyFileSync(join(folder, 'live', `store.kv${suffix}`), join(folder, 'copy', `store.kv${suffix}`))
    // What the file had when it was made is not in the log.
    truncateSync(join(folder, 'copy', 'store.kv'), 6 * 8192)
    symlinkSync(join('copy', 'store.kv'), join(folder, 'link.kv'))
    const store = await openTestStore(join(folder, 'link.kv'))
    expect(await store.count()).toBe(100)
    expect(await store.check()).toMatchObject({ checked: 100, damagedKeys: [], problems: [] })
  })

  test('to nowhere is no store yet, and a put makes one or says why not, with no empty file left', async () => {
    const folder = tempDir()
    mkdirSync(join(folder, 'real'))
    symlinkSync(join('real', 'store.kv'), join(folder, 'link.kv'))
    const store = await openTestStore(join(folder, 'link.kv'))
    expect(await store.get('a')).toBeUndefined()
    const result = await store.put('a', '1').catch((error: unknown) => error)
    if (result instanceof Error) {
      expect(result).toMatchObject({ code: 'KV_UNAVAILABLE' })
      expect(readdirSync(join(folder, 'real'))).toEqual([])
    } else {
      const real = await openTestStore(join(folder, 'real', 'store.kv'))
      expect(toText((await real.get('a'))!)).toBe('1')
    }
  })
})

describe('check', () => {
  test('names exactly the key whose value has a flipped byte', async () => {
    const made = join(tempDir(), 'made.kv')
    const store = await openStore(made)
    const value = (i: number) => `value number ${String(i).padStart(4, '0')}`
    await store.batch(Array.from({ length: 300 }, (_, i) => ({ type: 'put', key: `k${i}`, value: value(i) })))
    await store.close()
    sql(made, 'pragma wal_checkpoint(truncate)')
    const path = join(tempDir(), 'store.kv')
    const bytes = readFileSync(made)
    // Each place: pages that were split keep old bytes in their unused parts.
    let places = 0
    for (let at = bytes.indexOf(value(123)); at >= 0; at = bytes.indexOf(value(123))) {
      bytes[at + 5]! ^= 0x10
      places++
    }
    expect(places).toBeGreaterThan(0)
    writeFileSync(path, bytes)
    const damaged = await openTestStore(path)
    const report = await damaged.check()
    expect(report.damagedKeys.map(toText)).toEqual(['k123'])
    expect(report).toMatchObject({ checked: 300, unchecked: 0, problems: [] })
    // A new put of that key heals it.
    await damaged.put('k123', 'new')
    expect(await damaged.check()).toMatchObject({ damagedKeys: [], problems: [] })
  })

  test('names the key whose expiry was changed in the file', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    await store.put('a', '1', { expires: 9_000_000_000_000 })
    await store.put('b', '2', { expires: 9_000_000_000_000 })
    // As damage would: not through the view, whose trigger sees another tool's update.
    sql(path, "update kv_entry set expires = expires + 1 where key = cast('b' as blob)")
    expect((await store.check()).damagedKeys.map(toText)).toEqual(['b'])
  })
})

describe('rows of another tool', () => {
  test('read like any other and count as unchecked', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    await store.put('b', 'kv')
    sql(path, "insert into kv(key, value) values (cast('a' as blob), cast('tool' as blob)), (x'ff', x'00')")
    expect(toText((await store.get('a'))!)).toBe('tool')
    expect(await store.getEntry('a')).toMatchObject({ revision: 2, expires: undefined })
    expect(await store.count()).toBe(3)
    expect(await store.check()).toEqual({ checked: 1, unchecked: 2, damagedKeys: [], problems: [] })
    expect(await store.put('a', 'new')).toMatchObject({ applied: true, created: false })
    expect(await store.check()).toEqual({ checked: 2, unchecked: 1, damagedKeys: [], problems: [] })
  })

  test('updated in place become unchecked, not damaged', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    await store.batch(['a', 'b', 'c', 'd'].map((key) => ({ type: 'put', key, value: `value of ${key}` })))
    sql(
      path,
      "update kv set value = cast('changed' as blob) where key = cast('a' as blob)",
      "update kv set expires = 9000000000000 where key = cast('b' as blob)",
      "update kv set key = cast('cc' as blob) where key = cast('c' as blob)",
    )
    expect(await store.check()).toEqual({ checked: 1, unchecked: 3, damagedKeys: [], problems: [] })
    expect(toText((await store.get('a'))!)).toBe('changed')
    expect(toText((await store.get('cc'))!)).toBe('value of c')
  })

  test('deleted are gone', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    await store.batch(['a', 'b'].map((key) => ({ type: 'put', key, value: 'v' })))
    sql(path, "delete from kv where key = cast('a' as blob)")
    expect(await store.get('a')).toBeUndefined()
    expect(await store.count()).toBe(1)
    expect(await store.check()).toEqual({ checked: 1, unchecked: 0, damagedKeys: [], problems: [] })
  })
})

test('overwritten pages end in KvErrors or results, never in a crash', { timeout: 120_000 }, async (context) => {
  needLibrary(context)
  const folder = tempDir()
  const path = join(folder, 'healthy.kv')
  await healthy(path)
  const rounds = Number(process.env['KV_CRASH_ROUNDS'] ?? 12) * 5
  const child = new Child('damager.mjs', [path, join(folder, 'damaged.kv'), '1', String(rounds)])
  const { code, signal, stderr } = await child.ended
  expect({ code, signal, stderr }, `last seed begun: ${child.lines.at(-1)}`).toEqual({
    code: 0,
    signal: null,
    stderr: '',
  })
  expect(child.lines).toHaveLength(rounds)
  // The damage was real: most files are found out by some operation.
  expect(child.lines.filter((line) => line.includes('KV_') || line.includes('found')).length).toBeGreaterThan(
    rounds / 4,
  )
})
