import { turn } from '../../../async.ts'
import { interrupted } from '../../../errors.ts'
import type { CheckOptions, CheckReport } from '../../../store/driver/driver.ts'
import type { Connection } from '../file/connection.ts'
import { checkBound } from './bound.ts'
import { missingParts } from '../file/schema.ts'
import { checkEntries } from './checksums.ts'
import { checkHistory } from './history.ts'
import { checkIntegrity, checkIntegrityApart } from './integrity.ts'

/**
 * Checks the store at `path`: schema, SQLite's own structure and every entry, of one snapshot when the caller holds a
 * transaction. With a signal it yields to the event loop, and throws `KV_INTERRUPTED` when aborted.
 */
export async function checkStore(
  connection: Connection,
  path: string,
  { onProgress, quick = false, signal }: CheckOptions,
): Promise<CheckReport> {
  const apart = signal && checkIntegrityApart(connection, path, quick, signal)
  // It is waited for below, also when the entries fail first.
  apart?.catch(() => {})
  const structure = async () => [
    ...checkSchema(connection),
    ...checkBound(connection),
    ...(await checkedHistory(connection, quick, signal)),
    ...((await apart) ?? checkIntegrity(connection, quick)),
  ]
  if (quick) return { checked: 0, unchecked: 0, damagedKeys: [], problems: await structure() }
  const entries = checkEntries(connection)
  for (;;) {
    const { value, done } = entries.next()
    if (done === true) {
      return { ...value, problems: [...(await structure()), ...value.problems] }
    }
    onProgress?.(value)
    if (signal === undefined) continue
    await turn()
    if (signal.aborted) throw interrupted(signal)
  }
}

async function checkedHistory(connection: Connection, quick: boolean, signal?: AbortSignal): Promise<string[]> {
  const history = checkHistory(connection, quick)
  for (;;) {
    const { value, done } = history.next()
    if (done === true) return value
    if (signal === undefined) continue
    await turn()
    if (signal.aborted) throw interrupted(signal)
  }
}

/** One line for each part of the schema that is missing. */
function checkSchema(connection: Connection): string[] {
  return missingParts(connection).map((part) => {
    if (part === connection.layout.table) return `the table ${part} is missing, and all entries with it`
    return `${part === 'row of kv_store' ? 'the ' : ''}${part} is missing; the next write of kv makes it again`
  })
}
