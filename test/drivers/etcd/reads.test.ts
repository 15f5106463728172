import { describe, expect, test } from 'vitest'
import { utf8 } from '../../../src/bytes.ts'
import { EtcdDriver } from '../../../src/drivers/etcd/driver.ts'
import type { RangeQuery } from '../../../src/store/driver/driver.ts'
import type { Entry, Op } from '../../../src/store/driver/entry.ts'
import type { Usage } from '../../../src/store/driver/usage.ts'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'

const ALL: RangeQuery = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: false }
const HOUR = 3_600_000

const names = (entries: readonly (Entry | undefined)[]): (string | undefined)[] =>
  entries.map((entry) => entry && Buffer.from(entry.key).toString())

async function read(driver: EtcdDriver, query: Partial<RangeQuery> = {}): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const page of driver.range({ ...ALL, ...query })) entries.push(...page)
  return entries
}

const numbered = (i: number): string => `k${String(i).padStart(5, '0')}`

async function fill(driver: EtcdDriver, count: number): Promise<void> {
  for (let done = 0; done < count; done += 100) {
    const ops = Array.from({ length: Math.min(100, count - done) }, (_, n): Op => {
      return { type: 'put', key: utf8(numbered(done + n)), value: utf8('v') }
    })
    await driver.batch(ops)
  }
}

describe.skipIf(!hasEtcd())('reads of a store in etcd', () => {
  const cluster = sharedCluster()
  const open = (location: string, ahead = 0): Promise<EtcdDriver> =>
    EtcdDriver.open(location, { clock: () => Date.now() + ahead })

  test('of many keys are of one revision, however many requests they take', async () => {
    const driver = await open(cluster().place())
    await fill(driver, 300)
    const keys = Array.from({ length: 301 }, (_, i) => utf8(numbered(i)))
    expect(names(await driver.getMany(keys))).toEqual([
      ...keys.slice(0, -1).map((key) => Buffer.from(key).toString()),
      undefined,
    ])
    await expect(driver.getMany(keys, { maxBytes: 100 })).rejects.toMatchObject({ code: 'KV_TOO_LARGE' })
    await driver.close()
  })

  test('see nothing outside of the prefix', async () => {
    const location = cluster().place()
    const prefix = new URL(location).pathname.slice(1)
    for (const key of [prefix, `${prefix}.`, `${prefix}0`, `${prefix.slice(0, -1)}`, 'a', 'zz'])
      await cluster().ctl('put', key, 'others')
    const driver = await open(location)
    expect(await read(driver)).toEqual([])
    await fill(driver, 3)
    const own = [numbered(0), numbered(1), numbered(2)]
    expect(names(await read(driver))).toEqual(own)
    expect(names(await read(driver, { reverse: true }))).toEqual(own.toReversed())
    expect(await driver.count(ALL)).toBe(3)
    expect(await driver.stat()).toMatchObject({ entries: 3, expiring: 0 })
    expect(await driver.check()).toEqual({ checked: 0, unchecked: 3, damagedKeys: [], problems: [] })
    await driver.close()
  })

  test('hide what has expired, also while etcd has it, and go on until the limit is full', async () => {
    const location = cluster().place()
    const driver = await open(location)
    await fill(driver, 300)
    for (const i of [0, 1, 150, 298, 299])
      await driver.put(utf8(numbered(i)), utf8('short'), { expires: (Math.floor(Date.now() / 1000) + 600) * 1000 })
    expect(await driver.stat()).toMatchObject({ entries: 300, expiring: 5 })
    expect(await driver.anyExpires(ALL)).toBe(undefined)
    const later = await open(location, HOUR)
    expect(await later.count(ALL)).toBe(295)
    expect(await later.stat()).toMatchObject({ entries: 295, expiring: 0 })
    expect(names(await read(later, { limit: 3 }))).toEqual([2, 3, 4].map(numbered))
    expect(names(await read(later, { limit: 3, reverse: true }))).toEqual([297, 296, 295].map(numbered))
    expect((await read(later)).length).toBe(295)
    expect((await read(later, { reverse: true })).length).toBe(295)
    expect(names(await later.getMany([utf8(numbered(0)), utf8(numbered(2))]))).toEqual([undefined, numbered(2)])
    expect(await later.head(utf8(numbered(0)))).toBe(undefined)
    const query = {
      start: undefined,
      end: undefined,
      prefix: utf8(''),
      delimiters: [utf8('/')],
      depth: 0,
      keys: false,
      top: undefined,
    }
    let usage: Usage[] = []
    for await (const page of later.usage(query)) usage = page
    expect(usage.at(-1)).toMatchObject({ type: 'total', keys: 295, bytes: 295 * 7 })
    await Promise.all([driver.close(), later.close()])
  })

  test('show what other programs put under a lease until etcd removes it', async () => {
    const location = cluster().place()
    const prefix = new URL(location).pathname.slice(1)
    const [, id = ''] = /lease (\w+) granted/.exec(await cluster().ctl('lease', 'grant', '600'))!
    await cluster().ctl('put', `--lease=${id}`, `${prefix}/k`, 'v')
    const begin = Date.now()
    const driver = await open(location)
    const [entry] = await read(driver)
    expect(entry!.expires).toBeGreaterThan(begin + 590_000)
    expect(entry!.expires! % 1000).toBe(0)
    // The lease may be kept alive for ever: the clock of this machine does not decide.
    const later = await open(location, HOUR)
    expect(names(await read(later))).toEqual(['k'])
    expect(await later.count(ALL)).toBe(1)
    await Promise.all([driver.close(), later.close()])
  })

  test('end with KV_SNAPSHOT_LOST once their revision is compacted', async () => {
    const driver = await open(cluster().place())
    await fill(driver, 700)
    for (const reverse of [false, true]) {
      const pages = driver.range({ ...ALL, reverse })[Symbol.asyncIterator]()
      expect((await pages.next()).done).toBe(false)
      const { revision } = await driver.put(utf8('another'), utf8('v'))
      await cluster().ctl('compaction', String(revision))
      const rest = async (): Promise<void> => {
        while ((await pages.next()).done !== true);
      }
      await expect(rest()).rejects.toMatchObject({ code: 'KV_SNAPSHOT_LOST' })
    }
    await driver.close()
  })

  test('tell of the members what they say', async () => {
    const driver = await open(cluster().place())
    const { details, sizeBytes } = await driver.stat()
    expect(details).toMatchObject({ members: 1, leader: 'm1', etcd_version: expect.stringMatching(/^3\./) })
    expect(sizeBytes).toBeGreaterThan(0)
    await driver.close()
  })

  test('a range goes on at its revision when members are lost and others write', async () => {
    const own = await ownCluster({ members: 3 })
    const driver = await EtcdDriver.open(own.location('app'), {})
    await fill(driver, 1500)
    for (const reverse of [false, true]) {
      const pages = driver.range({ ...ALL, reverse })[Symbol.asyncIterator]()
      const found: Entry[] = [...(await pages.next()).value!]
      await driver.put(utf8(numbered(700) + (reverse ? 'b' : 'a')), utf8('later'))
      const lost = await own.leader()
      await lost.kill()
      for (let next = await pages.next(); next.done !== true; next = await pages.next()) found.push(...next.value)
      await lost.restart()
      const expected = Array.from({ length: 1500 }, (_, i) => numbered(i))
      if (reverse) expected.splice(701, 0, `${numbered(700)}a`)
      expect(names(found)).toEqual(reverse ? expected.toReversed() : expected)
    }
    await driver.close()
  })
})
