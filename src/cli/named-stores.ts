import { existsSync } from 'node:fs'
import { isSameStore } from '../drivers/location.ts'
import { KvError, usageError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { Context } from './context.ts'

/**
 * The two stores that a command line names. Throws `KV_USAGE` when they are the same one, and `KV_UNAVAILABLE` where
 * one that must be there is not: a wrong name must not pass for an empty store.
 */
export async function twoStores(
  ctx: Context,
  first: string,
  second: string,
  { sync, mustExist }: { readonly sync?: boolean; readonly mustExist: 'first' | 'both' },
): Promise<[Store, Store]> {
  const one = await ctx.storeAt(first)
  const other = await ctx.storeAt(second, { sync: sync ?? true, mayMake: mustExist === 'first' })
  if (isSameStore(one, other)) throw usageError(`${first} and ${second} are the same store`)
  for (const store of mustExist === 'both' ? [one, other] : [one]) {
    const [file] = store.files
    if (file !== undefined && !existsSync(file)) throw noStoreAt(store.location)
  }
  return [one, other]
}

/** The error of a store that must be there, and is not. */
export function noStoreAt(location: string): KvError {
  return new KvError('KV_UNAVAILABLE', `there is no store at ${location}`, {
    hint: 'is it the right name, and the disk mounted? The first put makes a store',
  })
}
