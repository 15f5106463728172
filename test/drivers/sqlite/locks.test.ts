import { readFileSync, renameSync, rmSync, statSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

function locksOn(path: string): number {
  const { ino } = statSync(path)
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`:${ino} `) && line.includes(` ${process.pid} `)).length
}

test.runIf(process.platform === 'linux')(
  'opening a store a second time in one process keeps the locks of the first',
  async () => {
    const path = join(tempDir(), 'store.kv')
    await using first = await openStore(path)
    await first.put('a', '1')
    const before = locksOn(path)
    expect(before).toBeGreaterThan(0)
    {
      await using second = await openStore(path)
      expect(await second.get('a')).toEqual(new Uint8Array([0x31]))
      expect(locksOn(path)).toBeGreaterThan(0)
    }
    expect(locksOn(path)).toBeGreaterThan(0)
    await first.put('b', '2')
    await using third = await openStore(path)
    expect(await third.count()).toBe(2)
  },
)

test('a write after the file was replaced goes to the file that has the name', async () => {
  const folder = tempDir()
  const path = join(folder, 'store.kv')
  await using old = await openStore(path)
  await old.put('a', '1')
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  await using other = await openStore(join(folder, 'other.kv'))
  await other.put('b', '2')
  await other.close()
  renameSync(join(folder, 'other.kv'), path)
  await old.put('c', '3')
  await using now = await openStore(path)
  const keys: string[] = []
  for await (const { key } of now.range()) keys.push(Buffer.from(key).toString())
  expect(keys).toEqual(['b', 'c'])
})

test('reading a long range of a store whose file is gone makes no file', async () => {
  const folder = tempDir()
  const path = join(folder, 'store.kv')
  await using store = await openStore(path)
  await store.batch(Array.from({ length: 3000 }, (_, i) => ({ type: 'put', key: `k${i}`, value: 'v' })))
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  const entries: unknown[] = []
  for await (const page of store.rangePages()) entries.push(...page)
  expect(readdirSync(folder).filter((name) => name === 'store.kv')).toEqual([])
})
