import type { CheckReport } from '../../store/driver.ts'
import { checksum } from '../../store/checksum.ts'
import type { Database } from './database.ts'

/** Keys and problems named at most; the rest is only counted. */
const NAMED = 1000

/** Rows between two calls of `onProgress`. */
const STEP = 10_000

/**
 * SQLite's own integrity check, then every row against its checksum, in one snapshot. Damage
 * that stops the engine from reading on is a problem of the report, not an error.
 */
export function checkDatabase(database: Database, onProgress?: (entries: number) => void): CheckReport {
  const problems: string[] = []
  const damagedKeys: Uint8Array[] = []
  let checked = 0
  let unchecked = 0
  const orReport = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  orReport(() => {
    for (const row of database.iterate(`pragma integrity_check(${NAMED})`, [])) {
      const [line] = row as [string]
      if (line !== 'ok') problems.push(...line.split('\n'))
    }
  })
  orReport(() => {
    for (const row of database.iterate('select key, value, expires, checksum from kv order by key', [])) {
      const [key, value, expires, sum] = row as [Uint8Array, Uint8Array, number | null, number | null]
      if (sum === null) unchecked++
      else {
        checked++
        if (sum !== checksum(key, value, expires ?? undefined) && damagedKeys.length < NAMED) damagedKeys.push(key)
      }
      if ((checked + unchecked) % STEP === 0) onProgress?.(checked + unchecked)
    }
  })
  return { checked, unchecked, damagedKeys, problems }
}
