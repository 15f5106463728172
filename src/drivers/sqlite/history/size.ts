import type { Connection } from '../file/connection.ts'

/** How many old values a history keeps of a key, how many it has, and their bytes with those of their keys. */
export function historySize(connection: Connection): { keep: number; versions: number; bytes: number } {
  const [keep, versions, bytes] = connection
    .statement(
      `select keep, (select count(*) from kv_history where typeof(value) = 'blob'),
        (select coalesce(sum(length(key) + length(value)), 0) from kv_history) from kv_history_state`,
    )
    .get() as [number, number, number]
  return { keep, versions, bytes }
}
