import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { holdLock } from '../../helpers/lock.ts'
import { failureCode, openTestStore } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

const newPath = (): string => join(tempDir(), 'store.kv')

describe('a write without a promise', () => {
  test('is seen by the reads of the same turn, also where these are held at one moment', async () => {
    const store = await openTestStore(newPath(), { cache: 1 << 20 })
    store.putSync('a', '1')
    for (const value of ['2', '3']) {
      expect(store.getTextSync('a')).not.toBe(value)
      store.putSync('a', value)
      expect(store.getTextSync('a')).toBe(value)
    }
  })

  test('takes along what was asked for before, of which each settles by itself', async () => {
    const store = await openTestStore(newPath())
    const refused = store.batch([], { conditions: [{ key: 'a', condition: { type: 'revision', revision: 9 } }] })
    const puts = ['b', 'c'].map((key) => store.put(key, 'x'))
    const revision = store.batchSync([{ type: 'put', key: 'd', value: 'x' }])
    expect(revision).toBe(3)
    expect(await Promise.all(puts)).toMatchObject([{ revision: 1 }, { revision: 2 }])
    expect(await failureCode(() => refused)).toBe('KV_CONDITION')
    // The writer goes on after it.
    expect(await store.put('e', 'x')).toMatchObject({ revision: 4 })
  })

  test('makes no file for what need not be written', async () => {
    const store = await openTestStore(newPath())
    expect(store.delSync('a')).toBe(false)
    expect(store.putSync('a', 'x', { condition: { type: 'revision', revision: 1 } }).applied).toBe(false)
    expect(store.batchSync([])).toBe(0)
    expect((await store.stat()).details).toMatchObject({ exists: 'no' })
  })

  test('waits for another process only so long', async () => {
    const path = newPath()
    const store = await openTestStore(path, { timeoutMs: 20 })
    store.putSync('a', '1')
    const release = await holdLock(path)
    expect(await failureCode(() => store.putSync('a', '2'))).toBe('KV_LOCKED')
    expect(store.getTextSync('a')).toBe('1')
    await release()
    expect(store.putSync('a', '3').applied).toBe(true)
  })

  test('is refused while a long write of this process is under way', async () => {
    const store = await openTestStore(newPath())
    await store.put('a', '1')
    const long = store.delRange({ all: true, signal: new AbortController().signal })
    expect(await failureCode(() => store.putSync('b', '2'))).toBe('KV_LOCKED')
    await long
    expect(store.putSync('b', '2').created).toBe(true)
  })
})
