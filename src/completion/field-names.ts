import type { Store } from '../store/store.ts'

/** A longer value is not read for its fields, in bytes. */
const MAX_READ = 65_536

/** Names that may stand in a path without quotes. */
const PLAIN_NAME = /^[^\s".,{}:]+$/

/**
 * The fields of the value of a key that a word such as `.address.ci` can become, with what stands before their last
 * dot; none where the value is not JSON.
 */
export async function fieldNames(store: Store, key: string, word: string, signal: AbortSignal): Promise<string[]> {
  if (key === '' || !key.isWellFormed()) return []
  const head = await store.head(key, { signal })
  const value = head === undefined || head.valueBytes > MAX_READ ? undefined : await store.get(key, { signal })
  if (value === undefined) return []
  const dot = word.lastIndexOf('.')
  let at: unknown
  try {
    at = JSON.parse(Buffer.from(value).toString())
  } catch {
    return []
  }
  for (const name of word.slice(1, Math.max(1, dot)).split('.').filter(Boolean)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return []
    at = (at as Record<string, unknown>)[name]
  }
  if (typeof at !== 'object' || at === null) return []
  return Object.keys(at)
    .filter((name) => PLAIN_NAME.test(name) && name.startsWith(word.slice(dot + 1)))
    .map((name) => `${word.slice(0, dot + 1)}${name}`)
}
