import { checksum } from '../../../blocks/checksum.ts'
import { displayKey } from '../../../safe-text.ts'
import type { SqlValue } from '../engine/engine.ts'
import type { Connection } from '../file/connection.ts'
import { missingHistory } from '../history/tables.ts'

/** Old values compared between two pauses. */
const PAGE_ROWS = 200

/** Damaged old values named at most. */
const NAMED = 100

type Row = [id: number, key: SqlValue, value: SqlValue, expires: number | null, sum: number | null, revision: number]

/** What is wrong with the history, if there is one, a line each; with `quick` only which parts are missing. May be paused where it yields. */
export function* checkHistory(connection: Connection, quick: boolean): Generator<void, string[], void> {
  const missing = missingHistory(connection)
  if (missing.length > 0)
    return missing.map((part) => `${part} of the history is missing; to begin another: kv history off, kv history on`)
  if (quick || connection.statement(`select 1 from sqlite_schema where name = 'kv_history'`).get() === undefined)
    return []
  const problems: string[] = []
  try {
    for (let after = 0; ;) {
      const rows = connection
        .statement(
          `select id, key, value, expires, checksum, revision from kv_history
            where id > ? and value is not null and checksum is not null order by id limit ${PAGE_ROWS}`,
        )
        .all(after) as Row[]
      for (const [id, key, value, expires, sum, revision] of rows) {
        after = id
        if (
          key instanceof Uint8Array &&
          value instanceof Uint8Array &&
          checksum(key, value, expires ?? undefined) === sum
        )
          continue
        const name = key instanceof Uint8Array ? displayKey(key) : 'a key'
        if (problems.length < NAMED) problems.push(`the old value of ${name} at revision ${revision} is damaged`)
      }
      if (rows.length < PAGE_ROWS) return problems
      yield
    }
  } catch (error) {
    return [...problems, error instanceof Error ? error.message : String(error)]
  }
}
