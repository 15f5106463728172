import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { toText } from '../helpers/bytes.ts'
import { ended, expectRun, kvProcess, startKv } from '../helpers/kv.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { spin } from './child.ts'

const ROUNDS = Number(process.env['KV_CRASH_ROUNDS'] ?? 4)
const KEYS = Array.from({ length: 10_000 }, (_, i) => `key:${String(i).padStart(6, '0')}`)

/** The values of a key as its history tells them, the oldest first. */
async function valuesOf(store: Store, key: string): Promise<string[]> {
  const values: string[] = []
  for await (const page of store.history.versions(key))
    for (const version of page) values.unshift(version.type === 'put' ? toText(version.value) : version.type)
  return values
}

/** A file that puts the value under every key. */
function load(folder: string, value: string): string {
  const file = join(folder, `${value}.jsonl`)
  writeFileSync(file, KEYS.map((key) => `${JSON.stringify({ key, value })}\n`).join(''))
  return file
}

async function expectSound(store: Store): Promise<void> {
  expect(await store.check()).toMatchObject({ unchecked: 0, damagedKeys: [], problems: [] })
}

test(
  'a load that is killed has replaced every value or none, and the history tells the same',
  { timeout: 30_000 + ROUNDS * 6000 },
  async (context) => {
    const folder = tempDir()
    const store = join(folder, 'store.kv')
    expectRun(await kvProcess(['batch-put', load(folder, 'first'), '--quiet'], { store }), {})
    expectRun(await kvProcess(['history', 'on', '--keep', '100'], { store }), { stdout: 'keep: 100\n' })
    const values = ['first']
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      const child = startKv(['batch-put', load(folder, `round ${round}`), '--atomic', '--quiet'], { store })
      spin(600)
      child.kill('SIGKILL')
      const acknowledged = (await ended(child)).code === 0
      await using found = await openStore(store)
      const now = toText((await found.get(KEYS[0]!))!)
      if (now === `round ${round}`) values.push(now)
      else killed++
      if (acknowledged) expect(now).toBe(`round ${round}`)
      for (const key of [KEYS[0]!, KEYS[KEYS.length >> 1]!, KEYS.at(-1)!])
        expect(await valuesOf(found, key)).toEqual(values)
      expect((await found.history.status()).versions).toBe((values.length - 1) * KEYS.length)
    }
    await using found = await openStore(store)
    await expectSound(found)
    context.annotate(`${killed} of ${ROUNDS} were killed before their commit`)
  },
)

test(
  'history on and off that are killed leave a history that is on or off',
  { timeout: 30_000 + ROUNDS * 6000 },
  async () => {
    const folder = tempDir()
    const store = join(folder, 'store.kv')
    expectRun(await kvProcess(['batch-put', load(folder, 'first'), '--quiet'], { store }), {})
    for (let round = 0; round < ROUNDS; round++) {
      const child = startKv(round % 2 === 0 ? ['history', 'on'] : ['history', 'off', '--yes'], { store })
      spin(300)
      child.kill('SIGKILL')
      await ended(child)
      await using found = await openStore(store)
      const { keep } = await found.history.status()
      expect([0, 10]).toContain(keep)
      const before = toText((await found.get('key:000001'))!)
      await found.put('key:000001', String(round))
      if (keep > 0) expect((await valuesOf(found, 'key:000001')).slice(-2)).toEqual([before, String(round)])
      await expectSound(found)
      // What the next round drops.
      if (keep > 0) expectRun(await kvProcess(['batch-put', load(folder, `round ${round}`), '--quiet'], { store }), {})
    }
  },
)

test('on a full disk a write fails as a whole, and the history tells what was acknowledged', async (context) => {
  const disk = smallDisk(context, '6m')
  const store = join(disk, 'store.kv')
  const ballast = join(disk, 'ballast')
  writeFileSync(ballast, new Uint8Array(2 << 20))
  expectRun(await kvProcess(['history', 'on', '--keep', '100'], { store }), { stdout: 'keep: 100\n' })
  const values: string[] = []
  const put = (): ReturnType<typeof kvProcess> => {
    values.push(String(values.length).padEnd(100_000, 'x'))
    return kvProcess(['put', 'k', '--quiet'], { store, input: values.at(-1)! })
  }
  let run = await put()
  while (run.code === 0) run = await put()
  expectRun(run, { code: 4, stderr: /^kv: no space left to write .* \(KV_DISK_FULL\)\nhint: / })
  values.pop()
  rmSync(ballast)
  expectRun(await put(), {})
  await using found = await openStore(store)
  expect(values.length).toBeGreaterThan(10)
  expect(await valuesOf(found, 'k')).toEqual(values)
  await expectSound(found)
})
