import { compareBytes, successor } from '../../bytes.ts'
import type { Encoding } from '../../bytes.ts'
import { parseBound, parseKey } from '../../cli/line/arguments.ts'
import { usageError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import type { Change } from '../../store/driver/entry.ts'
import { keyId } from '../../store/operations.ts'
import type { WatchOptions } from '../../store/watch.ts'

/** Which keys a command line names. */
export interface KeyChoice {
  readonly texts: readonly string[]
  readonly prefix?: string | undefined
  readonly all?: boolean | undefined
  readonly keyEncoding: Encoding
}

/** What is watched. */
export interface Choice {
  readonly options: Pick<WatchOptions, 'prefix' | 'gte' | 'lt'>
  /** The changes of a page that were asked for. */
  readonly wanted: (page: Change[]) => Change[]
  /** For people. */
  readonly what: string
}

/** The keys to watch. Throws `KV_USAGE` for none and for several choices, `KV_INVALID_KEY`. */
export function chosen({ texts, prefix, all, keyEncoding }: KeyChoice): Choice {
  if ([texts.length > 0, prefix !== undefined, all === true].filter(Boolean).length !== 1) {
    throw usageError('say what to watch: KEY..., --prefix or --all', 'all keys: kv watch --all')
  }
  // An empty variable of a script must not widen a watch.
  if (prefix === '')
    throw usageError('an empty prefix means every key of the store', 'if that is what you want: kv watch --all')
  const everything: Choice['wanted'] = (page) => page
  if (all) return { options: {}, wanted: everything, what: 'all keys' }
  if (prefix !== undefined) {
    const bound = parseBound(prefix, keyEncoding)
    return { options: { prefix: bound }, wanted: everything, what: `keys that begin with ${displayKey(bound)}` }
  }
  const keys = texts.map((text) => parseKey(text, keyEncoding)).sort(compareBytes)
  const [first, last] = [keys[0]!, keys.at(-1)!]
  const names = new Set(keys.map(keyId))
  return {
    // One watch for all, so that their changes come in order.
    options: { gte: first, lt: successor(last) },
    wanted: (page) => only(page, names),
    what: keys.map(displayKey).join(' '),
  }
}

/** The changes of these keys; each says as its position that those of other keys after it are past, too. */
function only(page: readonly Change[], names: ReadonlySet<string>): Change[] {
  const changes: Change[] = []
  for (const change of page) {
    const last = changes.at(-1)
    if (names.has(keyId(change.key))) changes.push(change)
    else if (last !== undefined) changes[changes.length - 1] = { ...last, position: change.position }
  }
  return changes
}
