import { statSync } from 'node:fs'
import { KvError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'

/**
 * Throws `KV_CORRUPT` when the log of a store that is gone still holds writes: SQLite would play it into the next
 * one.
 */
export function refuseLostLog(path: string): void {
  for (const suffix of ['-wal', '-journal']) {
    if ((statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0) === 0) continue
    throw new KvError('KV_CORRUPT', `${path} is gone but its ${suffix} file is still there`, {
      hint: `put the store back; or begin an empty one: mv ${quoteWord(path + suffix)} ${quoteWord(`${path}${suffix}.old`)}`,
    })
  }
}
