import { describe, expect, test } from 'vitest'
import { hex, noise, text, toHex, toText } from '../helpers/bytes.ts'
import { entries, failure, failureCode, keys } from '../helpers/store.ts'
import { type Kit, longestValue } from './suite.ts'

const MIB = 1 << 20

/** Reads and puts of single keys: what goes in comes out, and what must not go in does not. */
export function basics(kit: Kit): void {
  test('a store never written to is empty', async () => {
    const store = await kit.store()
    expect(await store.get('a')).toBeUndefined()
    expect(await store.getEntry('a')).toBeUndefined()
    expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined])
    expect(await store.has('a')).toBe(false)
    expect(await store.head('a')).toBeUndefined()
    expect(await store.del('a')).toBe(false)
    expect(await store.delRange({ prefix: 'a' })).toBe(0)
    expect(await store.count()).toBe(0)
    expect(await entries(store)).toEqual([])
    expect(await store.stat()).toMatchObject({
      entries: 0,
      expiring: 0,
      ...(kit.sharedRevisions !== true && { revision: 0 }),
    })
    expect(await store.check()).toMatchObject(kit.sound(0))
  })

  test('keys and values are plain Uint8Arrays', async () => {
    const store = await kit.store()
    for (const key of ['a', Uint8Array.of(0xff, 0x2f)]) {
      await store.put(key, key)
      const found = [await store.getEntry(key), ...(await store.getMany([key])), ...(await entries(store))]
      const bytes = [await store.get(key), ...found.flatMap((entry) => [entry!.key, entry!.value])]
      for (const one of bytes) expect(Object.getPrototypeOf(one)).toBe(Uint8Array.prototype)
    }
  })

  test('a missing key beside existing ones is undefined', async () => {
    const store = await kit.store()
    await store.put('b', '1')
    for (const key of ['a', 'c', 'b\0', 'bb', 'B']) {
      expect(await store.get(key)).toBeUndefined()
      expect(await store.getEntry(key)).toBeUndefined()
      expect(await store.has(key)).toBe(false)
    }
    expect(await store.has('b')).toBe(true)
  })

  describe('a value comes back as it went in', () => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const values: Record<string, () => Uint8Array> = {
      'an empty one': () => new Uint8Array(),
      'an empty view of a larger buffer': () => noise(10).subarray(5, 5),
      'an empty Buffer': () => Buffer.alloc(0),
      'one byte': () => hex('2a'),
      'one zero byte': () => hex('00'),
      'every byte': () => everyByte,
      'bytes that are not UTF-8': () => hex('c328a0a1ff'),
      'a view of a larger buffer': () => noise(100).subarray(20, 50),
      'a Buffer': () => Buffer.from('buffer'),
      '4,096 bytes': () => noise(4096),
      '70,000 bytes': () => noise(70_000),
    }
    for (const [what, make] of Object.entries(values)) {
      test(what, async () => {
        const store = await kit.store()
        const value = make()
        await store.put('k', value)
        const got = await store.get('k')
        expect(got).toBeInstanceOf(Uint8Array)
        expect(toHex(got!)).toBe(toHex(value))
        expect(toHex((await store.getEntry('k'))!.value)).toBe(toHex(value))
        expect(toHex((await store.getMany(['k']))[0]!.value)).toBe(toHex(value))
        expect((await entries(store)).map((entry) => toHex(entry.value))).toEqual([toHex(value)])
        expect(await store.check()).toMatchObject(kit.sound(1))
      })
    }

    test('10 MiB', async () => {
      const store = await kit.store()
      const value = noise(Math.min(10 * MIB, longestValue(store, 'k')))
      await store.put('k', value)
      expect(Buffer.compare((await store.get('k'))!, value)).toBe(0)
      expect(Buffer.compare((await entries(store))[0]!.value, value)).toBe(0)
    })

    test('a text, as its UTF-8 bytes', async () => {
      const store = await kit.store()
      await store.put('ключ', 'значение 🔑')
      expect(toText((await store.get(text('ключ')))!)).toBe('значение 🔑')
    })
  })

  describe('a key comes back as it went in', () => {
    const someKeys: Record<string, string> = {
      'a zero byte': '00',
      'three zero bytes': '000000',
      'a control byte': '05',
      'the highest byte': 'ff',
      'the highest byte thrice': 'ffffff',
      'bytes that are not UTF-8': 'c3280080ff',
      'text with a zero byte inside': '610062',
    }
    for (const [what, key] of Object.entries(someKeys)) {
      test(what, async () => {
        const store = await kit.store()
        await store.put(hex(key), 'v')
        expect(await keys(store)).toEqual([key])
        expect(toText((await store.get(hex(key)))!)).toBe('v')
        expect(toHex((await store.getEntry(hex(key)))!.key)).toBe(key)
        expect(await store.del(hex(key))).toBe(true)
        expect(await store.count()).toBe(0)
      })
    }

    test('one as long as the limit', async () => {
      const store = await kit.store()
      const key = noise(Math.min(store.limits.maxKeyBytes, 10 * MIB))
      await store.put(key, 'v')
      expect(toText((await store.get(key))!)).toBe('v')
      expect((await entries(store)).map((entry) => Buffer.compare(entry.key, key))).toEqual([0])
      expect(await store.count({ prefix: key.subarray(0, key.length - 1) })).toBe(1)
      expect(await store.count({ gte: key, lte: key })).toBe(1)
      expect(await store.del(key)).toBe(true)
    })

    test('keys that are beginnings of each other are different keys', async () => {
      const store = await kit.store()
      for (const key of ['aaa', 'a', 'aaaa', 'aa']) await store.put(key, `value of ${key}`)
      for (const key of ['a', 'aa', 'aaa', 'aaaa']) expect(toText((await store.get(key))!)).toBe(`value of ${key}`)
      expect(await store.del('aa')).toBe(true)
      expect((await entries(store)).map(({ key }) => toText(key))).toEqual(['a', 'aaa', 'aaaa'])
    })

    test('texts that look alike but have different bytes are different keys', async () => {
      const store = await kit.store()
      await store.put('\u00e9', 'composed')
      await store.put('e\u0301', 'decomposed')
      expect(toText((await store.get('\u00e9'))!)).toBe('composed')
      expect(toText((await store.get('e\u0301'))!)).toBe('decomposed')
    })
  })

  describe('what cannot be stored is refused and writes nothing', () => {
    test('the empty key', async () => {
      const store = await kit.store()
      for (const empty of ['', new Uint8Array()]) {
        expect(await failureCode(() => store.get(empty))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.getEntry(empty))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.getMany(['a', empty]))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.has(empty))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.put(empty, 'v'))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.del(empty))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.batch([put('a'), put(empty)]))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.batch([put('a'), { type: 'del', key: empty }]))).toBe('KV_INVALID_KEY')
      }
      expect(await store.count()).toBe(0)
    })

    test('a key over the limit, with the limit in the message', async () => {
      const store = await kit.store()
      const max = store.limits.maxKeyBytes
      const key = new Uint8Array(max + 1).fill(0x61)
      const error = await failure(() => store.put(key, 'v'))
      expect(error.code).toBe('KV_TOO_LARGE')
      expect(error.message).toContain(String(max))
      expect(await failureCode(() => store.get(key))).toBe('KV_TOO_LARGE')
      expect(await failureCode(() => store.del(key))).toBe('KV_TOO_LARGE')
      expect(await failureCode(() => store.batch([put('a'), put(key)]))).toBe('KV_TOO_LARGE')
      expect(await failureCode(() => store.put('ä'.repeat(Math.ceil((max + 1) / 2)), 'v'))).toBe('KV_TOO_LARGE')
      expect(await store.count()).toBe(0)
    })

    test('a value over the limit, with the limit in the message', async () => {
      const store = await kit.store()
      const max = store.limits.maxValueBytes
      const value = new Uint8Array(max + 1)
      const error = await failure(() => store.put('k', value))
      expect(error.code).toBe('KV_TOO_LARGE')
      expect(error.message).toContain(String(max))
      expect(await failureCode(() => store.batch([put('a'), { type: 'put', key: 'k', value }]))).toBe('KV_TOO_LARGE')
      expect(await store.count()).toBe(0)
    })

    test('a batch over the limit of operations or bytes', async ({ skip }) => {
      const store = await kit.store()
      const { maxBatchOps, maxBatchBytes } = store.limits
      if (maxBatchOps === Infinity && maxBatchBytes === Infinity) skip('this driver limits neither')
      if (maxBatchOps !== Infinity) {
        const ops = Array.from({ length: maxBatchOps + 1 }, (_, i) => put(`k${i}`))
        expect(await failureCode(() => store.batch(ops))).toBe('KV_TOO_LARGE')
        await store.batch(ops.slice(1))
        expect(await store.delRange({ all: true })).toBe(maxBatchOps)
      }
      if (maxBatchBytes !== Infinity) {
        const half = new Uint8Array(Math.min(Math.ceil(maxBatchBytes / 2), store.limits.maxValueBytes))
        const ops = Array.from({ length: Math.ceil(maxBatchBytes / half.length) }, (_, i) => ({
          ...put(`k${i}`),
          value: half,
        }))
        expect(await failureCode(() => store.batch(ops))).toBe('KV_TOO_LARGE')
      }
      expect(await store.count()).toBe(0)
    })

    test('a text with a lone surrogate', async () => {
      const store = await kit.store()
      for (const lone of ['\ud800', 'a\udfff', '\udc00\ud800']) {
        expect(await failureCode(() => store.put(lone, 'v'))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.get(lone))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.getMany([lone]))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.del(lone))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.put('k', lone))).toBe('KV_USAGE')
        expect(await failureCode(() => store.batch([put('a'), put(lone)]))).toBe('KV_INVALID_KEY')
        expect(await failureCode(() => store.batch([put('a'), { type: 'put', key: 'b', value: lone }]))).toBe(
          'KV_USAGE',
        )
      }
      expect(await store.count()).toBe(0)
    })

    test('a range bound with a lone surrogate', async () => {
      const store = await kit.store()
      await store.put('\ufffd', 'the character a lone surrogate would be replaced by')
      for (const bound of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
        const options = { [bound]: '\ud800' }
        expect(['KV_INVALID_KEY', 'KV_USAGE']).toContain(await failureCode(() => store.count(options)))
        expect(['KV_INVALID_KEY', 'KV_USAGE']).toContain(await failureCode(() => store.delRange(options)))
        expect(['KV_INVALID_KEY', 'KV_USAGE']).toContain(await failureCode(() => entries(store, options)))
      }
      expect(await store.count()).toBe(1)
    })

    test('an expiry that is no whole number of milliseconds', async () => {
      const store = await kit.store()
      for (const expires of [Number.NaN, Infinity, 1.5, 2 ** 53]) {
        expect(await failureCode(() => store.put('k', 'v', { expires }))).toBe('KV_USAGE')
        expect(await failureCode(() => store.batch([{ ...put('k'), expires }]))).toBe('KV_USAGE')
      }
      expect(await store.count()).toBe(0)
    })
  })

  describe('head', () => {
    test('tells revision, expiry and length of a value', async () => {
      const store = await kit.store()
      const expires = Date.UTC(9000, 0, 1)
      const { revision: first } = await store.put('a', '')
      const { revision } = await store.put(hex('00ff'), noise(300_000), { expires })
      expect(await store.head('a')).toMatchObject({ revision: first, expires: undefined, valueBytes: 0 })
      expect(await store.head(hex('00ff'))).toMatchObject({ revision, expires, valueBytes: 300_000 })
      expect(await store.head('b')).toBeUndefined()
    })

    test('guards its key', async () => {
      const store = await kit.store()
      expect(await failureCode(() => store.head(''))).toBe('KV_INVALID_KEY')
      expect(await failureCode(() => store.head(new Uint8Array(store.limits.maxKeyBytes + 1)))).toBe('KV_TOO_LARGE')
    })
  })

  describe('getMany', () => {
    test('answers in the order asked, with duplicates and missing keys', async () => {
      const store = await kit.store()
      await store.batch([put('a', '1'), put('b', '2'), put('c', '3')])
      const got = await store.getMany(['c', 'x', 'a', 'c', 'aa', 'b', 'a'])
      expect(got.map((entry) => entry && [toText(entry.key), toText(entry.value)])).toEqual([
        ['c', '3'],
        undefined,
        ['a', '1'],
        ['c', '3'],
        undefined,
        ['b', '2'],
        ['a', '1'],
      ])
      expect(await store.getMany([])).toEqual([])
    })

    test('reads 2,000 keys', async () => {
      const store = await kit.store()
      const names = Array.from({ length: 2000 }, (_, i) => `k${i}`)
      for (let at = 0; at < names.length; at += Math.min(1000, store.limits.maxBatchOps)) {
        await store.batch(names.slice(at, at + Math.min(1000, store.limits.maxBatchOps)).map((name) => put(name, name)))
      }
      const got = await store.getMany(names)
      expect(got.map((entry) => toText(entry!.value))).toEqual(names)
    })

    test('refuses more bytes than are wanted, keys and values together', async () => {
      const store = await kit.store()
      await store.batch([put('a', '1234'), put('bb', '5678')])
      expect(await store.getMany(['a', 'none', 'bb'], { maxBytes: 11 })).toHaveLength(3)
      expect(await failureCode(() => store.getMany(['a', 'none', 'bb'], { maxBytes: 10 }))).toBe('KV_TOO_LARGE')
      expect(await store.getMany(['a'], { maxBytes: 5 })).toHaveLength(1)
    })

    test('gives each duplicate an array of its own', async () => {
      const store = await kit.store()
      await store.put('a', 'value')
      const [first, second] = await store.getMany(['a', 'a'])
      first!.value.fill(0)
      first!.key.fill(0)
      expect(toText(second!.value)).toBe('value')
      expect(toText(second!.key)).toBe('a')
    })

    test('shows all keys at one moment while batches change them', async () => {
      const store = await kit.store()
      const both = (n: number) => store.batch([put('a', `${n}`), put('b', `${n}`)])
      await both(0)
      const writing = (async () => {
        for (let n = 1; n <= 100; n++) await both(n)
      })()
      for (let i = 0; i < 100; i++) {
        const [a, b] = await store.getMany(['a', 'b'])
        expect(toText(a!.value)).toBe(toText(b!.value))
        expect(a!.revision).toBe(b!.revision)
      }
      await writing
    })
  })

  describe.skipIf(!kit.supports.syncReads)('reads without a promise', () => {
    test('getSync answers at once', async () => {
      const store = await kit.store()
      expect(store.getSync('a')).toBeUndefined()
      await store.put('a', 'value')
      expect(toText(store.getSync('a')!)).toBe('value')
      await store.del('a')
      expect(store.getSync('a')).toBeUndefined()
    })

    test('getTextSync answers the same as text', async () => {
      const store = await kit.store()
      const tells = async (key: string, value: string | undefined): Promise<void> => {
        expect(store.getTextSync(key)).toBe(value)
        expect(store.text().getSync(key)).toBe(value)
        expect(await store.getText(key)).toBe(value)
      }
      await tells('a', undefined)
      for (const [key, value] of [
        ['a', ''],
        ['\0', '\ufeffwith a mark'],
        ['\u{1f600}', 'gr\u00fc\u00df \u{1f600}'.repeat(100)],
      ] as const) {
        await store.put(key, value)
        await tells(key, value)
        await tells(key, value)
        expect(toText(store.getSync(key)!)).toBe(value)
        await tells(key, value)
      }
      await store.put('a', hex('c328'))
      for (let n = 0; n < 2; n++) expect(await failureCode(() => store.getTextSync('a'))).toBe('KV_NOT_TEXT')
      await store.del('a')
      await tells('a', undefined)
      expect(await failureCode(() => store.getTextSync(''))).toBe('KV_INVALID_KEY')
      expect(await failureCode(() => store.getTextSync('\ud800'))).toBe('KV_INVALID_KEY')
      expect(await failureCode(() => store.getTextSync('k'.repeat(store.limits.maxKeyBytes + 1)))).toBe('KV_TOO_LARGE')
    })

    test('the driver answers get, getEntry, getMany, count, stat and check without a promise', async () => {
      const driver = await kit.driver()
      await driver.put(text('a'), text('value'))
      const { EVERYTHING } = await import('./suite.ts')
      expect(driver.get(text('a'))).toBeInstanceOf(Uint8Array)
      expect(driver.getEntry(text('a'))).toMatchObject({ expires: undefined })
      expect(driver.getMany([text('a')])).toHaveLength(1)
      expect(driver.count(EVERYTHING)).toBe(1)
    })

    test('getSync guards its key', async () => {
      const store = await kit.store()
      expect(await failureCode(() => store.getSync(''))).toBe('KV_INVALID_KEY')
      expect(await failureCode(() => store.getSync('\ud800'))).toBe('KV_INVALID_KEY')
      expect(await failureCode(() => store.getSync(new Uint8Array(store.limits.maxKeyBytes + 1)))).toBe('KV_TOO_LARGE')
    })
  })

  test.skipIf(kit.supports.syncReads)('getSync is refused where reads need a promise', async () => {
    const store = await kit.store()
    expect(await failureCode(() => store.getSync('a'))).toBe('KV_NOT_SUPPORTED')
    expect(await failureCode(() => store.getTextSync('a'))).toBe('KV_NOT_SUPPORTED')
  })
}

function put(key: string | Uint8Array, value = 'v'): { type: 'put'; key: string | Uint8Array; value: string } {
  return { type: 'put', key, value }
}
