import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite/engine/engine.ts'
import { type OpenOptions, type Store, openStore } from '../../src/index.ts'
import { noise, toText } from '../helpers/bytes.ts'
import { KV, kvProcess } from '../helpers/kv.ts'
import { failure, keys, openTestStore } from '../helpers/store.ts'
import { sql } from '../helpers/sql.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** What a kill leaves of a store that is open: the file and its log as they are now. */
function image(live: string): string {
  const path = join(tempDir(), 'store.kv')
  for (const suffix of ['', '-wal']) copyFileSync(live + suffix, path + suffix)
  return path
}

async function liveStore(options: OpenOptions = {}): Promise<{ path: string; store: Store }> {
  const path = join(tempDir(), 'live.kv')
  return { path, store: await openTestStore(path, options) }
}

async function putAll(store: Store, names: readonly string[], bytes = 100): Promise<void> {
  for (const name of names) await store.put(name, noise(bytes))
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

/** A store with a log of eight commits. */
async function eight(options?: OpenOptions): Promise<string> {
  const { path, store } = await liveStore(options)
  await putAll(store, NAMES)
  return image(path)
}

/** A closed store of some entries. */
async function another(count = 2000): Promise<string> {
  const path = join(tempDir(), 'another.kv')
  await using store = await openStore(path)
  await store.batch(Array.from({ length: count }, (_, i) => ({ type: 'put', key: `n${i}`, value: noise(50, i + 1) })))
  await store.close()
  return path
}

/**
 * A store that another tool keeps with a rollback journal, and in which it was killed in the middle of a transaction
 * that had reached the file; eight entries were committed before. `older` gets the file as it was some commits before
 * that.
 */
async function interrupted(older?: string): Promise<string> {
  const made = join(tempDir(), 'made.kv')
  {
    await using store = await openStore(made)
    await putAll(store, NAMES)
    await store.close()
  }
  const path = join(tempDir(), 'store.kv')
  copyFileSync(made, path)
  sql(path, 'pragma journal_mode = delete')
  if (older !== undefined) copyFileSync(path, older)
  for (let n = 0; n < 3; n++) sql(path, `update kv set value = randomblob(5000)`)
  const connection = new (sqliteEngine().DatabaseSync)(path)
  // A cache so small that changed pages are written into the file before the commit, as a kill may leave them.
  connection.exec(
    'pragma cache_size = 1; begin immediate; update kv set value = randomblob(60000); insert into kv(key, value) values (randomblob(20), randomblob(60000))',
  )
  const killed = join(tempDir(), 'store.kv')
  for (const suffix of ['', '-journal']) copyFileSync(path + suffix, killed + suffix)
  connection.close()
  return killed
}

/** Bytes of a header and of a frame of 8 KiB. */
const HEADER = 32
const FRAME = 24 + 8192

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0x10
  writeFileSync(path, bytes)
}

/** Everything in a folder, but for the index of a log, which any reader makes. */
function picture(path: string): unknown {
  const folder = join(path, '..')
  return readdirSync(folder)
    .filter((name) => !name.endsWith('-shm'))
    .map((name) => [name, readFileSync(join(folder, name)).toString('base64')])
}

const OPERATIONS: Record<string, (store: Store) => Promise<unknown>> = {
  get: (store) => store.get('a'),
  range: (store) => keys(store),
  count: (store) => store.count(),
  stat: (store) => store.stat(),
  check: (store) => store.check(),
  watch: (store) => store.watch(),
  put: (store) => store.put('a', '1'),
  delRange: (store) => store.delRange({ prefix: 'a' }),
}

/** Pairs of a file and a log that are no pair, or no longer. */
const REFUSED: Record<string, () => Promise<string>> = {
  async 'another store copied over the file'() {
    const path = await eight()
    copyFileSync(await another(), path)
    return path
  },
  async 'another store of one entry moved over the file'() {
    const path = await eight()
    renameSync(await another(1), path)
    return path
  },
  async 'an older copy of the same store put back'() {
    const { path, store } = await liveStore()
    await store.put('first', '1')
    sql(path, 'pragma wal_checkpoint(truncate)')
    const older = join(tempDir(), 'older.kv')
    copyFileSync(path, older)
    await putAll(store, NAMES, 20_000)
    sql(path, 'pragma wal_checkpoint(truncate)')
    await store.put('last', '1')
    const now = image(path)
    copyFileSync(older, now)
    return now
  },
  ...Object.fromEntries(
    [
      ['puts', (store: Store) => putAll(store, NAMES.slice(0, 2))],
      ['a watch', async (store: Store) => void (await store.watch())],
    ].map(([what, write]) => [
      `a copy that vacuum made of the state before the log, of ${String(what)}`,
      async () => {
        const { path, store } = await liveStore()
        // The rows of what was put first lie behind others, or within them: vacuum puts them in order.
        for (let i = 0; i < 5; i++)
          await store.batch(
            Array.from({ length: 60 }, (_, n) => ({
              type: 'put',
              key: `k${((n * 5 + i) * 77) % 301}`,
              value: noise(i * 900 + n, n + 1),
            })),
          )
        sql(path, 'pragma wal_checkpoint(truncate)')
        const copy = join(tempDir(), 'copy.kv')
        sql(path, `vacuum into '${copy}'`)
        await (write as (store: Store) => Promise<void>)(store)
        const now = image(path)
        copyFileSync(copy, now)
        return now
      },
    ]),
  ),
  async 'the log of another store put beside the file'() {
    const path = await eight()
    copyFileSync(`${await eight()}-wal`, `${path}-wal`)
    return path
  },
  async 'the log of a watch beside another store'() {
    const { path, store } = await liveStore()
    await store.put('a', '1')
    sql(path, 'pragma wal_checkpoint(truncate)')
    const watch = await store.watch()
    const now = image(path)
    await watch.close()
    copyFileSync(await another(), now)
    return now
  },
  async 'the log of what another tool has written, beside another store'() {
    const { path, store } = await liveStore()
    await store.put('a', '1')
    sql(path, 'pragma wal_checkpoint(truncate)')
    sql(path, `insert into kv(key, value) values (x'62', x'63'), (x'64', x'65'); update kv set value = x'66'`)
    const now = image(path)
    copyFileSync(await another(), now)
    return now
  },
  async 'a log with pages of another size'() {
    const path = await eight()
    const small = join(tempDir(), 'small.db')
    const connection = new (sqliteEngine().DatabaseSync)(small)
    connection.exec('pragma page_size = 4096; pragma journal_mode = wal; create table t(a)')
    copyFileSync(`${small}-wal`, `${path}-wal`)
    connection.close()
    return path
  },
  async 'a text called like the log'() {
    const path = join(tempDir(), 'store.kv')
    copyFileSync(await another(5), path)
    writeFileSync(`${path}-wal`, 'Dear diary,\n'.repeat(100))
    return path
  },
  async 'the rollback journal of another store beside the file'() {
    const path = join(tempDir(), 'store.kv')
    copyFileSync(await another(), path)
    copyFileSync(`${await interrupted()}-journal`, `${path}-journal`)
    return path
  },
  async 'the rollback journal of a later state of the same store beside the file'() {
    const older = join(tempDir(), 'older.kv')
    const path = await interrupted(older)
    copyFileSync(older, path)
    return path
  },
  async 'a text called like a rollback journal'() {
    const path = join(tempDir(), 'store.kv')
    copyFileSync(await another(5), path)
    writeFileSync(`${path}-journal`, 'Dear diary,\n'.repeat(100))
    return path
  },
  async 'a file that lacks pages its log does not hold'() {
    const { path, store } = await liveStore()
    await store.batch(Array.from({ length: 500 }, (_, i) => ({ type: 'put', key: `k${i}`, value: noise(1000, i + 1) })))
    sql(path, 'pragma wal_checkpoint(truncate)')
    await store.put('a', '1')
    const now = image(path)
    truncateSync(now, 6 * 8192)
    return now
  },
  ...Object.fromEntries(
    [10, 40, HEADER + 5, HEADER + 17, 20_000, 60_000, HEADER + 9 * FRAME + 100].map((at) => [
      `a log with a flipped byte at ${at}`,
      async () => {
        const path = await eight()
        flip(`${path}-wal`, at)
        return path
      },
    ]),
  ),
}

describe('a log that is not this file’s, or is damaged, is refused, and neither file is touched', () => {
  for (const [what, make] of Object.entries(REFUSED)) {
    test(what, async () => {
      const path = await make()
      const before = picture(path)
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        const error = await failure(async () => {
          await using store = await openStore(path)
          await operation(store)
        })
        expect(error.code, name).toBe('KV_CORRUPT')
        expect(error.message).toContain(path)
        expect(picture(path), name).toEqual(before)
      }
    })
  }

  test('a command says so in one line and one hint that can be pasted, and helps', async () => {
    const path = await eight()
    copyFileSync(await another(3), path)
    const { code, stderr } = await kvProcess(['check'], { store: path })
    expect(code).toBe(4)
    expect(stderr).toBe(
      `kv: ${path}-wal is the log of another file than ${path}: it goes on from another state (KV_CORRUPT)\n` +
        `hint: if ${path} was put in its place, move the log away: mv ${path}-wal ${path}-wal.old\n`,
    )
    execFileSync('sh', ['-c', stderr.split('away: ')[1]!])
    expect((await kvProcess(['count'], { store: path })).stdout.toString()).toBe('3\n')
  })
})

/** Files and logs as a crash may leave them, and how many of eight entries must be there at least. */
const TAKEN: Record<string, { least: number; make(): Promise<string> }> = {
  'a log of eight commits': { least: 8, make: () => eight() },
  'a log that begins with what another tool has changed of the schema': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 7))
      sql(path, 'pragma wal_checkpoint(truncate)')
      sql(path, 'create table other(a); insert into other values (1)')
      await putAll(store, NAMES.slice(7))
      return image(path)
    },
  },
  'a log that begins with a part of the schema made again': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 7))
      await store.close()
      sql(path, 'drop trigger kv_update; pragma wal_checkpoint(truncate)')
      await putAll(await openTestStore(path), NAMES.slice(7))
      return image(path)
    },
  },
  'a log of eight commits that did not wait for the disk': { least: 8, make: () => eight({ durable: false }) },
  'a log that was moved into the file in part': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 5))
      sql(path, 'pragma wal_checkpoint(passive)')
      await putAll(store, NAMES.slice(5))
      return image(path)
    },
  },
  'a log begun anew over an older one': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 6), 30_000)
      sql(path, 'pragma wal_checkpoint(restart)')
      await putAll(store, NAMES.slice(6))
      return image(path)
    },
  },
  'a last commit of which one frame is not whole': {
    least: 7,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 7))
      const whole = statSync(`${path}-wal`).size
      await store.put('h', noise(50_000))
      const now = image(path)
      flip(`${now}-wal`, whole + 3 * FRAME)
      return now
    },
  },
  'a gap among commits that did not wait for the disk': {
    least: 0,
    async make() {
      const path = await eight({ durable: false })
      const bytes = readFileSync(`${path}-wal`)
      bytes.fill(0, 40_000, 60_000)
      writeFileSync(`${path}-wal`, bytes)
      return path
    },
  },
  'a log of what another tool has written in one transaction': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 5))
      sql(path, 'pragma wal_checkpoint(truncate)')
      sql(
        path,
        `begin; insert into kv(key, value) values (x'66', x''), (x'67', x''); insert into kv(key, value) values (x'68', x''); commit`,
      )
      return image(path)
    },
  },
  'a log of another tool after the file has moved on by its writes': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES.slice(0, 5))
      for (const key of ['66', '67', '68']) {
        sql(path, `insert into kv(key, value) values (x'${key}', x'')`)
        sql(path, 'pragma wal_checkpoint(truncate)')
      }
      sql(path, `update kv set value = x'00'; create table other(a)`)
      return image(path)
    },
  },
  'the log of vacuum': {
    least: 8,
    async make() {
      const { path, store } = await liveStore()
      await putAll(store, NAMES, 5000)
      sql(path, 'pragma wal_checkpoint(truncate)')
      sql(path, 'vacuum')
      return image(path)
    },
  },
  'the rollback journal of another tool': { least: 8, make: () => interrupted() },
  'an empty log, and a header alone': {
    least: 8,
    async make() {
      const path = await eight()
      await (await openStore(path)).close()
      sql(path, 'pragma wal_checkpoint(truncate)')
      const copy = join(tempDir(), 'store.kv')
      copyFileSync(path, copy)
      writeFileSync(`${copy}-wal`, readFileSync(`${await eight()}-wal`).subarray(0, 20))
      return copy
    },
  },
}

describe('what a crash may leave is taken for what it is', () => {
  for (const [what, { least, make }] of Object.entries(TAKEN)) {
    test(what, async () => {
      const path = await make()
      const store = await openTestStore(path)
      const found = await keys(store)
      expect(found.length).toBeGreaterThanOrEqual(least)
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
      await store.put('new', '1')
      expect(await store.count()).toBe(found.length + 1)
    })
  }

  test('a log cut off anywhere', async () => {
    const path = await eight()
    const log = readFileSync(`${path}-wal`)
    const file = readFileSync(path)
    let before = 0
    for (let length = 0; length <= log.length; length += 3000) {
      const copy = join(tempDir(), 'store.kv')
      writeFileSync(copy, file)
      writeFileSync(`${copy}-wal`, log.subarray(0, length))
      await using store = await openStore(copy)
      const count = await store.count()
      expect(count).toBeGreaterThanOrEqual(before)
      before = count
    }
    expect(before).toBeGreaterThanOrEqual(7)
  })
})

describe('a file that was replaced or removed under a process', () => {
  const READS: Record<string, (store: Store) => Promise<unknown>> = {
    get: async (store) => toText((await store.get('a'))!),
    getEntry: async (store) => toText((await store.getEntry('a'))!.value),
    getMany: async (store) => toText((await store.getMany(['a']))[0]!.value),
    getSync: async (store) => toText(store.getSync('a')!),
    range: async (store) => (await keys(store)).length,
    count: (store) => store.count(),
  }

  async function given(path: string, value: string): Promise<void> {
    const run = await kvProcess(['put', 'a', value], { store: path })
    expect(run).toMatchObject({ code: 0 })
  }

  for (const [name, read] of Object.entries(READS)) {
    test(`${name} answers from the file that has the name`, async () => {
      const folder = tempDir()
      const [path, next] = [join(folder, 'store.kv'), join(folder, 'next.kv')]
      await given(next, 'new')
      const store = await openTestStore(path)
      await store.put('a', 'old')
      await store.put('b', 'old')
      await store.get('a')
      renameSync(next, path)
      const answer = await afterATick(() => read(store))
      expect(answer).toBe(['range', 'count'].includes(name) ? 1 : 'new')
      // Others too; nothing of the old log is left.
      expect((await kvProcess(['get', 'a'], { store: path })).stdout.toString()).toBe('new')
      await store.put('c', 'after')
      expect((await kvProcess(['count'], { store: path })).stdout.toString()).toBe('2\n')
      await store.close()
      expect((await kvProcess(['check'], { store: path })).stdout.toString()).toBe(
        'ok: 2 entries checked, 0 without a checksum\n',
      )
    })
  }

  test('the old file, moved away, has all that was acknowledged', async () => {
    const folder = tempDir()
    const [path, next, old] = [join(folder, 'store.kv'), join(folder, 'next.kv'), join(folder, 'old.kv')]
    await given(next, 'new')
    const store = await openTestStore(path)
    await putAll(store, NAMES)
    renameSync(path, old)
    renameSync(next, path)
    expect(await afterATick(() => store.count())).toBe(1)
    await store.close()
    expect((await kvProcess(['count'], { store: old })).stdout.toString()).toBe('8\n')
    expect((await kvProcess(['count'], { store: path })).stdout.toString()).toBe('1\n')
  })

  test('everybody is told when it is gone and its log holds writes; back again, it goes on', async () => {
    const folder = tempDir()
    const [path, away] = [join(folder, 'store.kv'), join(folder, 'away.kv')]
    const store = await openTestStore(path)
    await putAll(store, NAMES)
    renameSync(path, away)
    const gone = /is gone but its -wal file is still there/
    for (const operation of Object.values(OPERATIONS)) {
      const error = await afterATick(() => failure(() => operation(store)))
      expect(error).toMatchObject({ code: 'KV_CORRUPT', message: expect.stringMatching(gone) as string })
    }
    for (const args of [['get', 'a'], ['count'], ['check'], ['stat'], ['put', 'a', '1']]) {
      const { code, stderr } = await kvProcess(args, { store: path })
      expect({ code, stderr }, args[0]).toEqual({ code: 4, stderr: expect.stringMatching(gone) as string })
    }
    renameSync(away, path)
    expect(await afterATick(() => store.count())).toBe(8)
    await store.put('new', '1')
    expect((await kvProcess(['count'], { store: path })).stdout.toString()).toBe('9\n')
  })

  test('one that is gone with its log is an empty store, and another process’s new one is seen', async () => {
    const path = join(tempDir(), 'store.kv')
    const store = await openTestStore(path)
    await store.put('a', 'old')
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix)
    expect(await afterATick(() => store.get('a'))).toBeUndefined()
    await given(path, 'new')
    expect(toText((await afterATick(() => store.get('a')))!)).toBe('new')
    await store.close()
    expect((await kvProcess(['get', 'a'], { store: path })).stdout.toString()).toBe('new')
  })

  test('a command waits for the process that has the old file open to let go of its log', async () => {
    const folder = tempDir()
    const [path, next] = [join(folder, 'store.kv'), join(folder, 'next.kv')]
    await given(next, 'new')
    const store = await openTestStore(path)
    await store.put('a', 'old')
    renameSync(next, path)
    // Nothing is asked of the store here.
    expect(await kvProcess(['get', 'a'], { store: path })).toMatchObject({ code: 0, stdout: Buffer.from('new') })
  })
})

/** The name of the file is looked at once a millisecond at most. */
async function afterATick<T>(step: () => Promise<T>): Promise<T> {
  for (const time = Date.now(); Date.now() === time;) await new Promise(setImmediate)
  return step()
}

test('a store that is closed and opened again in one process keeps its locks: nobody else takes its log away', async () => {
  const path = join(tempDir(), 'store.kv')
  const first = await openStore(path)
  await first.put('a', '1')
  await first.close()
  const store = await openTestStore(path)
  await store.put('b', '2')
  expect((await kvProcess(['put', 'c', '3'], { store: path })).code).toBe(0)
  await store.put('d', '4')
  expect((await kvProcess(['count'], { store: path })).stdout.toString()).toBe('4\n')
})

test('a store that is idle moves its log into the file, so that a copy of the file is nearly whole', async () => {
  const path = join(tempDir(), 'store.kv')
  const store = await openTestStore(path)
  await putAll(store, NAMES)
  // In another process: reading the file here would take this one's locks.
  const inFile = (): string => {
    const copy = join(tempDir(), 'copy.kv')
    execFileSync('cp', [path, copy])
    return execFileSync(KV[0], [...KV.slice(1), '--store', copy, 'count']).toString()
  }
  await expect.poll(inFile, { timeout: 20_000 }).toBe('8\n')
})

test('making a store removes what killed processes left of theirs, and nothing else', async () => {
  const folder = tempDir()
  const old = new Date(Date.now() - 7_200_000)
  const kept = [
    '.kv-new-plans.md',
    '.kv-new-x.kv',
    '.kv-new-1-a.tmp.bak',
    `.kv-new-${process.pid}-abc.tmp`,
    '.kv-new-1-abc.tmp',
    '.kv-new-12-abc.tmp-wal.txt',
  ]
  const removed = ['.kv-new-999999999-abc1.tmp', '.kv-new-999999999-abc1.tmp-wal']
  for (const name of [...kept, ...removed]) {
    writeFileSync(join(folder, name), 'precious')
    utimesSync(join(folder, name), old, old)
  }
  await using store = await openStore(join(folder, 'store.kv'))
  await store.put('a', '1')
  const names = readdirSync(folder)
  expect(names).toEqual(expect.arrayContaining(kept))
  for (const name of removed) expect(names).not.toContain(name)
})
