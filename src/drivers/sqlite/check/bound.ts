import { boundOf } from '../bound/bound.ts'
import type { Connection } from '../file/connection.ts'

/** Whether a store with a bound keeps it: what is wrong, one line each. */
export function checkBound(connection: Connection): string[] {
  if (!connection.isBounded) return []
  try {
    const bound = boundOf(connection)
    if (bound === undefined) return ['the row of kv_bound is missing: nothing keeps the bound of the store']
    const [entries] = connection.statement('select count(*) from kv').get() as [number]
    const problems: string[] = []
    if (entries !== bound.entries)
      problems.push(`kv_bound counts ${bound.entries} entries, and there are ${entries}; kv compact counts them anew`)
    if (entries > bound.maxEntries) problems.push(`there are ${entries} entries, and the bound is ${bound.maxEntries}`)
    return problems
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
