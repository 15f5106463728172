import type { CheckReport } from '../../store/driver.ts'
import { checksum } from '../../store/checksum.ts'
import type { Database } from './database.ts'
import { LONG_VALUE, longValue } from './range.ts'

/** Keys and problems named at most; the rest is only counted. */
const NAMED = 1000

/** Rows read at a time. */
const PAGE_ROWS = 1000

type Row = [key: Uint8Array, value: Uint8Array | null, expires: number | null, checksum: number | null]

/**
 * SQLite's own integrity check, then every row against its checksum; one snapshot when the caller
 * holds a transaction. Damage that stops the engine from reading on is a problem of the report,
 * not an error.
 */
export function checkDatabase(database: Database, onProgress?: (entries: number) => void): CheckReport {
  const problems: string[] = []
  const damagedKeys: Uint8Array[] = []
  let checked = 0
  let unchecked = 0
  let unnamed = 0
  const orReport = (step: () => void): void => {
    try {
      step()
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error))
    }
  }
  orReport(() => {
    for (const [line] of database.statement(`pragma integrity_check(${NAMED})`).all() as [string][]) {
      if (line !== 'ok') problems.push(...line.split('\n'))
    }
  })
  orReport(() => {
    for (const [key, value, expires, sum] of rows(database)) {
      if (sum === null) unchecked++
      else {
        checked++
        const full = value ?? longValue(database, key)
        if (sum !== checksum(key, full, expires ?? undefined) ) {
          if (damagedKeys.length < NAMED) damagedKeys.push(key)
          else unnamed++
        }
      }
      if ((checked + unchecked) % PAGE_ROWS === 0) onProgress?.(checked + unchecked)
    }
  })
  if (unnamed > 0) problems.push(`${unnamed} more entries do not match their checksums`)
  return { checked, unchecked, damagedKeys, problems }
}

function* rows(database: Database): Generator<Row, void, void> {
  let after: Uint8Array = new Uint8Array()
  for (let operator = '>='; ; operator = '>') {
    const page = database
      .statement(
        `select key, case when length(value) <= ${LONG_VALUE} then value end, expires, checksum
        from kv where key ${operator} ? order by key limit ${PAGE_ROWS}`,
      )
      .all(after) as Row[]
    yield* page
    if (page.length < PAGE_ROWS) return
    after = page[page.length - 1]![0]
  }
}
