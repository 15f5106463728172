import { closeSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Store, openStore } from '../../src/index.ts'
import { noise, toText } from '../helpers/bytes.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { failure, failureCode } from '../helpers/store.ts'

/** Takes every byte that is left. */
function fillUp(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (const size of [65_536, 4096, 1]) {
      try {
        for (;;) writeSync(fd, new Uint8Array(size))
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
      }
    }
  } finally {
    closeSync(fd)
  }
}

async function open(path: string): Promise<Store> {
  const store = await openStore(path)
  onTestFinished(() => store.close())
  return store
}

for (const size of [100, 5000, 100_000]) {
  test(`a full disk refuses puts of ${size} bytes, loses nothing acknowledged, and writes go on when space is freed`, async (context) => {
    const disk = smallDisk(context, '6m')
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, new Uint8Array(2 << 20))
    const store = await open(join(disk, 'store.kv'))
    const acknowledged: string[] = []
    const put = async (n: number) => {
      await store.batch(
        Array.from({ length: 10 }, (_, i) => ({ type: 'put', key: `${n}:${i}`, value: noise(size, n) })),
      )
      acknowledged.push(...Array.from({ length: 10 }, (_, i) => `${n}:${i}`))
    }
    const error = await failure(async () => {
      for (let n = 0; n < 100_000; n++) await put(n)
    })
    expect(error.code, error.message).toBe('KV_DISK_FULL')
    expect(error.message).toContain('no space left')
    for (let again = 0; again < 3; again++) {
      expect(await failureCode(() => store.put('one more', noise(3 << 20)))).toBe('KV_DISK_FULL')
    }
    await verify(store, acknowledged, size)
    rmSync(ballast)
    await put(1_000_000)
    expect(await store.del('0:0')).toBe(true)
    acknowledged.splice(acknowledged.indexOf('0:0'), 1)
    await verify(store, acknowledged, size)
    await store.close()
    await verify(await open(join(disk, 'store.kv')), acknowledged, size)
  })
}

async function verify(store: Store, acknowledged: readonly string[], size: number): Promise<void> {
  expect(await store.count()).toBe(acknowledged.length)
  for (const key of acknowledged) {
    const value = await store.get(key)
    expect(value && Buffer.compare(value, noise(size, Number(key.split(':')[0]))), key).toBe(0)
  }
  expect(await store.check()).toMatchObject({ checked: acknowledged.length, damagedKeys: [], problems: [] })
}

test('a batch larger than the disk stores none of it', async (context) => {
  const disk = smallDisk(context, '6m')
  const store = await open(join(disk, 'store.kv'))
  await store.put('before', 'v')
  const ops = Array.from({ length: 100 }, (_, i) => ({ type: 'put' as const, key: `k${i}`, value: noise(100_000) }))
  expect(await failureCode(() => store.batch(ops))).toBe('KV_DISK_FULL')
  expect(await store.count()).toBe(1)
  expect(await store.put('after', 'v')).toMatchObject({ created: true })
  expect(await store.check()).toMatchObject({ checked: 2, damagedKeys: [], problems: [] })
})

test('of writes that share a commit on a full disk, none is acknowledged without being stored', async (context) => {
  const disk = smallDisk(context, '6m')
  const store = await open(join(disk, 'store.kv'))
  await store.put('before', 'v')
  const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => store.put(`k${i}`, noise(300_000))))
  for (const [i, result] of results.entries()) {
    expect(await store.has(`k${i}`)).toBe(result.status === 'fulfilled')
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'KV_DISK_FULL' })
  }
  expect(results.some(({ status }) => status === 'rejected')).toBe(true)
  expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
})

test('the first put on a full disk fails and leaves no file', async (context) => {
  const disk = smallDisk(context, '1m')
  fillUp(join(disk, 'ballast'))
  const store = await open(join(disk, 'store.kv'))
  for (let again = 0; again < 2; again++) {
    const error = await failure(() => store.put('k', 'v'))
    expect(error.code, error.message).toBe('KV_DISK_FULL')
    expect(error.message).toContain('no space left')
    expect(readdirSync(disk)).toEqual(['ballast'])
  }
  expect(await store.get('k')).toBeUndefined()
  rmSync(join(disk, 'ballast'))
  expect(await store.put('k', 'v')).toMatchObject({ created: true })
  expect(toText((await store.get('k'))!)).toBe('v')
})

test('the first put with a few pages left fails and leaves no file, or an empty healthy store', async (context) => {
  for (const pages of [1, 2, 3, 5, 7, 9, 12, 16]) {
    const disk = smallDisk(context, '1m')
    const ballast = join(disk, 'ballast')
    writeFileSync(join(disk, 'reserve'), new Uint8Array(pages * 4096))
    fillUp(ballast)
    rmSync(join(disk, 'reserve'))
    const store = await open(join(disk, 'store.kv'))
    const result = await store.put('k', noise(20_000)).catch((error: unknown) => error)
    if (!(result instanceof Error)) continue
    expect(result, `${pages} pages`).toMatchObject({ code: 'KV_DISK_FULL' })
    rmSync(ballast)
    expect(await store.get('k')).toBeUndefined()
    expect(await store.put('k', 'v')).toMatchObject({ created: true })
    await store.close()
    expect(readdirSync(disk).filter((name) => name.endsWith('.tmp'))).toEqual([])
  }
})
