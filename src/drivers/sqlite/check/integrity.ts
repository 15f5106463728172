import { runScript } from '../../../process/child-script.ts'
import { interrupted } from '../../../errors.ts'
import { accessTo } from '../file/access.ts'
import type { Connection } from '../file/connection.ts'
import { sqliteEngine } from '../engine/engine.ts'

/** Problems named at most. */
const NAMED = 1000

/** The quick one does not compare the index of the keys with the entries, which reads all of them. */
const checkSql = (quick: boolean): string => `pragma ${quick ? 'quick_check' : 'integrity_check'}(${NAMED})`

/** SQLite's own check of the file's structure: its problems, one line each; damage that stops it is one. */
export function checkIntegrity(connection: Connection, quick: boolean): string[] {
  try {
    return problemsIn((connection.statement(checkSql(quick)).all() as [string][]).map(([line]) => line))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

const PROGRAM = `
  const [module, url, readOnly, first, check] = process.argv.slice(1)
  const { DatabaseSync } = require(module)
  const database = new DatabaseSync(new URL(url), { readOnly: readOnly === 'true' })
  database.exec(first)
  require('node:fs').writeFileSync(1, JSON.stringify(database.prepare(check).all().map((row) => Object.values(row)[0])))
`

/**
 * The same in a process of its own, which can be killed: the engine does it in one call that nothing can stop.
 * `undefined` when that failed; throws `KV_INTERRUPTED` when aborted.
 */
export async function checkIntegrityApart(
  path: string,
  quick: boolean,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { url, readOnly, first } = accessTo(path)
  const args = [sqliteEngine().module, url.href, String(readOnly), first, checkSql(quick)]
  const output = await runScript(PROGRAM, args, signal)
  if (signal.aborted) throw interrupted(signal)
  return output === undefined ? undefined : problemsIn(JSON.parse(output) as string[])
}

function problemsIn(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== 'ok').flatMap((line) => line.split('\n'))
}
