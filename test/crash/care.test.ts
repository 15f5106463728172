import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { openStore } from '../../src/index.ts'
import { noise, toText } from '../helpers/bytes.ts'
import { ended, expectRun, kvProcess, startKv } from '../helpers/kv.ts'
import { emptyStore } from '../helpers/layouts.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Child, needLibrary, spin } from './child.ts'

const ROUNDS = Number(process.env['KV_CRASH_ROUNDS'] ?? 4)

/** Throws unless the store at `path` is sound, and shows one moment of the writer's. Returns its number. */
async function sameNumber(path: string): Promise<number> {
  await using store = await openStore(path)
  const numbers = new Set<number>()
  for await (const { value } of store.range({ prefix: 'same:' })) numbers.add(Number(toText(value).split(' ')[0]))
  expect(numbers.size).toBe(1)
  expect(await store.check()).toMatchObject({ unchecked: 0, damagedKeys: [], problems: [] })
  return [...numbers][0]!
}

/** A store of some megabytes. */
async function filled(path: string, megabytes: number): Promise<string> {
  await using store = await openStore(path, { durable: false })
  for (let n = 0; n < megabytes; n++)
    await store.batch(
      Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: `${n}:${i}`, value: noise(10_000, n) })),
    )
  return path
}

test(
  'a backup while another process writes is of one moment, not before it began',
  { timeout: 30_000 + ROUNDS * 3000 },
  async (context) => {
    needLibrary(context)
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 5)
    const writer = new Child('writer.mjs', ['same', store])
    await writer.until(5)
    for (let round = 0; round < ROUNDS; round++) {
      const written = writer.lines.length
      const copy = join(folder, `${round}.kv`)
      expectRun(await kvProcess(['backup', copy], { store }), {})
      expect(await sameNumber(copy)).toBeGreaterThanOrEqual(written)
      await writer.until(written + 1)
    }
  },
)

test(
  'a backup that is killed leaves no file of its name, or a whole one, and can be run again',
  { timeout: 30_000 + ROUNDS * 3000 },
  async () => {
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 20)
    const copy = join(folder, 'copies', 'copy.kv')
    mkdirSync(join(folder, 'copies'))
    for (let round = 0; round < ROUNDS; round++) {
      const child = startKv(['backup', copy, '--force'], { store })
      spin(150)
      child.kill('SIGKILL')
      await ended(child)
      if (existsSync(copy)) expect(await (await openStore(copy)).check()).toMatchObject({ checked: 2000, problems: [] })
    }
  },
)

test('a full disk leaves the backup of before', async (context) => {
  const disk = smallDisk(context, '5m')
  const folder = tempDir()
  const copy = join(disk, 'copy.kv')
  expectRun(await kvProcess(['backup', copy], { store: await filled(join(folder, 'small.kv'), 2) }), {})
  const store = await filled(join(folder, 'store.kv'), 4)
  for (const args of [
    ['backup', copy, '--force'],
    ['backup', join(disk, 'other.kv')],
  ])
    expectRun(await kvProcess(args, { store }), {
      stderr: /^kv: no space left to write .*\.kv \(KV_DISK_FULL\)\nhint: /,
      code: 4,
    })
  expect(readdirSync(disk)).toEqual(['copy.kv'])
  expectRun(await kvProcess(['count'], { store: copy }), { stdout: '200\n' })
  rmSync(copy)
  expectRun(await kvProcess(['backup', copy], { store }), {})
})

test(
  'a restore that is killed leaves the store of before, or the backup, and can be run again',
  { timeout: 30_000 + ROUNDS * 6000 },
  async () => {
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 5)
    const backup = await filled(join(folder, 'backup.kv'), 8)
    const old = await filled(join(folder, 'old.kv'), 5)
    for (let round = 0; round < ROUNDS; round++) {
      expectRun(await kvProcess(['put', 'newest', String(round)], { store }), {})
      const child = startKv(['restore', backup], { store })
      spin(100 + 500 * Math.random())
      child.kill('SIGKILL')
      await ended(child)
      {
        await using found = await openStore(store)
        const count = await found.count()
        expect([501, 800, 801]).toContain(count)
        if (count !== 800) expect(toText((await found.get('newest'))!)).toBe(String(round))
        expect(await found.check()).toMatchObject({ damagedKeys: [], problems: [] })
      }
    }
    // One that is killed as soon as the new store is there, and its process may still have to take the old log away.
    expectRun(await kvProcess(['restore', old, '--quiet'], { store }), {})
    const { ino } = statSync(store)
    const child = startKv(['restore', backup], { store })
    while (statSync(store).ino === ino) await new Promise(setImmediate)
    child.kill('SIGKILL')
    await ended(child)
    expectRun(await kvProcess(['count'], { store }), { stdout: '800\n' })
    expectRun(await kvProcess(['check', '--quiet'], { store }), { stdout: /^ok: / })
    expectRun(await kvProcess(['restore', backup, '--quiet'], { store }), {})
    expectRun(await kvProcess(['count'], { store }), { stdout: '800\n' })
  },
)

test(
  'writers of other processes go on with what was restored, and lose nothing',
  { timeout: 60_000 },
  async (context) => {
    needLibrary(context)
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 2)
    const backup = await filled(join(folder, 'backup.kv'), 2)
    const writers = [new Child('writer.mjs', ['same', store]), new Child('writer.mjs', ['same', store])]
    for (let round = 0; round < 3; round++) {
      await Promise.all(writers.map((writer) => writer.until(writer.lines.length + 5)))
      expectRun(await kvProcess(['restore', backup, '--no-keep', '--quiet', '--lock-timeout', '60s'], { store }), {})
      await Promise.all(writers.map((writer) => writer.until(writer.lines.length + 5)))
      await sameNumber(store)
    }
  },
)

test('a full disk leaves the store as it was', async (context) => {
  const disk = smallDisk(context, '5m')
  const folder = tempDir()
  const store = await filled(join(disk, 'store.kv'), 2)
  const backup = await filled(join(folder, 'backup.kv'), 4)
  expectRun(await kvProcess(['restore', backup], { store }), {
    stderr: /^kv: no space left to write .*store\.kv \(KV_DISK_FULL\)\nhint: /,
    code: 4,
  })
  expect(readdirSync(disk)).toEqual(['store.kv'])
  expectRun(await kvProcess(['count'], { store }), { stdout: '200\n' })
})

test(
  'a compact that is killed leaves a whole store, and can be run again',
  { timeout: 30_000 + ROUNDS * 3000 },
  async () => {
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 10)
    for (let round = 0; round < ROUNDS; round++) {
      // Of random keys, so that it is written anew in their order.
      expectRun(await kvProcess(['put', String(Math.random()), String(round)], { store }), {})
      const child = startKv(['compact'], { store })
      spin(60 + 250 * Math.random())
      child.kill('SIGKILL')
      await ended(child)
      await using found = await openStore(store)
      expect(await found.count()).toBe(1001 + round)
      expect(await found.check()).toMatchObject({ damagedKeys: [], problems: [] })
    }
  },
)

test(
  'a compact of a store of format 1 that is killed leaves it whole, in one format or the other',
  { timeout: 30_000 + ROUNDS * 3000 },
  async () => {
    const folder = tempDir()
    const first = await filled(emptyStore(join(folder, 'first.kv'), ROWS), 10)
    const formats = new Set<number>()
    for (let round = 0; round < ROUNDS; round++) {
      const store = join(folder, `${round}.kv`)
      copyFileSync(first, store)
      const child = startKv(['compact'], { store })
      // The last one is not killed, so that one at least is written anew.
      if (round + 1 < ROUNDS) {
        spin(60 + 250 * Math.random())
        child.kill('SIGKILL')
      }
      await ended(child)
      formats.add(readFileSync(store).readUInt32BE(60))
      await using found = await openStore(store)
      expect(await found.count()).toBe(1000)
      expect(await found.check()).toMatchObject({ damagedKeys: [], problems: [] })
      await found.put('after', 'is written')
      expect(await found.getText('after')).toBe('is written')
    }
    expect([...formats].filter((format) => format !== ROWS.format && format !== CLUSTERED.format)).toEqual([])
    expect(formats).toContain(CLUSTERED.format)
  },
)

test('writers lose nothing while the store is compacted', { timeout: 60_000 }, async (context) => {
  needLibrary(context)
  const store = await filled(join(tempDir(), 'store.kv'), 5)
  const writer = new Child('writer.mjs', ['same', store])
  await writer.until(5)
  for (let round = 0; round < 5; round++) {
    const written = writer.lines.length
    expectRun(await kvProcess(['compact', '--lock-timeout', '60s'], { store }), { stdout: /^bytes/ })
    expect(await sameNumber(store)).toBeGreaterThanOrEqual(written)
    await writer.until(writer.lines.length + 3)
  }
  writer.kill('SIGKILL')
  await writer.ended
  expect(await sameNumber(store)).toBeGreaterThanOrEqual(writer.lines.length)
})

test('a full disk leaves the store that was to be compacted', async (context) => {
  const disk = smallDisk(context, '3m')
  const store = await filled(join(disk, 'store.kv'), 2)
  expectRun(await kvProcess(['compact'], { store }), { stderr: /\(KV_DISK_FULL\)\nhint: /, code: 4 })
  expect(readdirSync(disk).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expectRun(await kvProcess(['count'], { store }), { stdout: '200\n' })
})

test(
  'a salvage that is killed, or meets a full disk, leaves no file of its name',
  { timeout: 30_000 + ROUNDS * 3000 },
  async (context) => {
    const folder = tempDir()
    const store = await filled(join(folder, 'store.kv'), 5)
    const saved = join(folder, 'saved', 'saved.kv')
    mkdirSync(join(folder, 'saved'))
    for (let round = 0; round < ROUNDS; round++) {
      const child = startKv(['salvage', saved], { store })
      spin(80 + 250 * Math.random())
      child.kill('SIGKILL')
      await ended(child)
      if (!existsSync(saved)) continue
      expectRun(await kvProcess(['count'], { store: saved }), { stdout: '500\n' })
      rmSync(saved)
    }
    const disk = smallDisk(context, '2m')
    expectRun(await kvProcess(['salvage', join(disk, 'saved.kv')], { store }), {
      stderr: /\(KV_DISK_FULL\)\nhint: /,
      code: 4,
    })
    expect(readdirSync(disk)).toEqual([])
  },
)
