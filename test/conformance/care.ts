import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Store, openStore } from '../../src/index.ts'
import type { Care } from '../../src/store/driver/care.ts'
import { noise } from '../helpers/bytes.ts'
import { entries, failure } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import type { Kit } from './suite.ts'

/** Care of a store that is a file: of a driver that has it, and the refusal of one that has not. */
export function care(kit: Kit): void {
  const opened = async (): Promise<{ store: Store; care: Care | undefined }> => {
    const driver = await kit.driver()
    return { store: new Store('here', driver), care: driver.care }
  }

  test('is offered, or refused by name', async () => {
    const { store, care: own } = await opened()
    if (own === undefined) expect((await failure(() => store.care)).code).toBe('KV_NOT_SUPPORTED')
    else expect(store.care).toBe(own)
  })

  test('a backup is a store with the same entries', async () => {
    const { store, care: own } = await opened()
    if (own === undefined) return
    if (store.files.length === 0) {
      expect(await failure(() => own.backup('copy.kv'))).toMatchObject({ code: 'KV_NOT_SUPPORTED' })
      return
    }
    await store.put('text', 'value')
    await store.put('long', noise(300_000))
    const { revision } = await store.put('expires', '1', { expires: Date.UTC(2100, 0, 1) })
    const file = join(tempDir(), 'copy.kv')
    expect((await own.backup(file)).revision).toBe(revision)
    const copy = await openStore(file)
    onTestFinished(() => copy.close())
    expect(await entries(copy)).toEqual(await entries(store))
    expect(await copy.check()).toMatchObject({ checked: 3, damagedKeys: [], problems: [] })
  })
}
