import { CLUSTERED } from '../layout/clustered.ts'
import { runScript } from '../../../process/child-script.ts'
import { interrupted } from '../../../errors.ts'
import { accessTo } from '../file/access.ts'
import type { Connection } from '../file/connection.ts'
import { sqliteEngine } from '../engine/engine.ts'

/** Problems named at most. */
const NAMED = 1000

/** The quick one does not compare the index of the keys with the entries, which reads all of them. */
const checksOf = ({ layout }: Connection, quick: boolean): string[] => [
  `pragma ${quick ? 'quick_check' : 'integrity_check'}(${NAMED})`,
  ...(quick || layout !== CLUSTERED ? [] : [LONG_VALUES]),
]

/**
 * Whether entries and long values of format 2 belong together, in one pass over each: a line for what is wrong. A number that is
 * used twice, or not at all, shows in the sums. Entries whose long value is missing are damaged, which their checksums tell.
 */
const LONG_VALUES = `select 'kv_long has ' || rows || ' values, and ' || longs || ' entries have one of it; or two have the same'
    from (select count(long) as longs, sum(long) as sum, sum(long % 65521 * (long % 65521)) as squares from kv_entry),
      (select count(*) as rows, sum(id) as id_sum, sum(id % 65521 * (id % 65521)) as id_squares from kv_long)
    where rows is not longs or sum is not id_sum or squares is not id_squares
  union all select count(*) || ' entries have two values, or none' from kv_entry where (long is null) = (value is null) having count(*) > 0`

/** SQLite's own check of the file's structure: its problems, one line each; damage that stops it is one. */
export function checkIntegrity(connection: Connection, quick: boolean): string[] {
  try {
    const lines = checksOf(connection, quick).flatMap((sql) => connection.statement(sql).all() as [string][])
    return problemsIn(lines.map(([line]) => line))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

const PROGRAM = `
  const [module, url, readOnly, first, checks] = process.argv.slice(1)
  const { DatabaseSync } = require(module)
  const database = new DatabaseSync(new URL(url), { readOnly: readOnly === 'true' })
  database.exec(first)
  const lines = JSON.parse(checks).flatMap((check) => database.prepare(check).all().map((row) => Object.values(row)[0]))
  require('node:fs').writeFileSync(1, JSON.stringify(lines))
`

/**
 * The same in a process of its own, which can be killed: the engine does it in one call that nothing can stop.
 * `undefined` when that failed; throws `KV_INTERRUPTED` when aborted.
 */
export async function checkIntegrityApart(
  connection: Connection,
  path: string,
  quick: boolean,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { url, readOnly, first } = accessTo(path)
  const args = [sqliteEngine().module, url.href, String(readOnly), first, JSON.stringify(checksOf(connection, quick))]
  const output = await runScript(PROGRAM, args, signal)
  if (signal.aborted) throw interrupted(signal)
  return output === undefined ? undefined : problemsIn(JSON.parse(output) as string[])
}

function problemsIn(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== 'ok').flatMap((line) => line.split('\n'))
}
