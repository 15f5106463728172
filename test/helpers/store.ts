import { expect, onTestFinished } from 'vitest'
import { type OpenOptions, type RangeOptions, type Store, KvError, openStore } from '../../src/index.ts'
import type { Entry } from '../../src/index.ts'
import { toHex } from './bytes.ts'

/** Opens a store that is closed when the running test is over. */
export async function openTestStore(location: string | URL, options: OpenOptions = {}): Promise<Store> {
  const store = await openStore(location, options)
  onTestFinished(() => store.close())
  return store
}

/** All entries of a range. */
export async function entries(store: Store, options: RangeOptions = {}): Promise<Entry[]> {
  const all: Entry[] = []
  for await (const entry of store.range(options)) all.push(entry)
  return all
}

/** The keys of a range in hex. */
export async function keys(store: Store, options: RangeOptions = {}): Promise<string[]> {
  return (await entries(store, options)).map(({ key }) => toHex(key))
}

/**
 * The `KvError` that `action` throws or rejects with. Anything else, or no error at all, fails the
 * test, and so does `KV_INTERNAL`, which stands for a bug.
 */
export async function failure(action: () => unknown): Promise<KvError> {
  let result: unknown
  try {
    result = await action()
  } catch (error) {
    expect(error).toBeInstanceOf(KvError)
    const { code } = error as KvError
    expect(code, String((error as Error).message)).not.toBe('KV_INTERNAL')
    return error as KvError
  }
  return expect.fail(`expected a KvError, got ${String(result)}`)
}

/** The code of the `KvError` that `action` throws or rejects with. */
export async function failureCode(action: () => unknown): Promise<string> {
  return (await failure(action)).code
}
