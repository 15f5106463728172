import { usageError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import type { Statement } from '../engine/engine.ts'

/** What is asked of a connection here. */
interface Reader {
  statement(sql: string): Statement
}

/** The bound of a store, and how it stands. */
export interface Bound {
  readonly maxEntries: number
  /** Entries in the file, also those that have expired, as the triggers have counted them. */
  readonly entries: number
  /** Entries that had to go so far. */
  readonly evicted: number
}

/**
 * `replaced` is how many entries the insert or update under way removes if it is an `... or replace`, for which SQLite
 * runs no delete trigger unless `recursive_triggers` is on. `loading` is the row id above which rows are a load's, which
 * counts them itself; null while there is none.
 */
const TABLE = `kv_bound(
  id integer primary key check (id = 1),
  max_entries integer not null check (max_entries > 0),
  entries integer not null,
  evicted integer not null default 0,
  replaced integer not null default 0,
  loading integer
) strict`

/**
 * What keeps the bound, by name: triggers, so that every writer of every program does. An insert that makes one too many
 * has the smallest revision go, of equal ones the smallest row id. What another tool inserts has no revision yet, but is
 * the newest. As in schema.ts, what is not done for every row is behind a view.
 */
export const BOUND_PARTS: Readonly<Record<string, string>> = {
  kv_oldest: 'index kv_oldest on kv(revision)',
  kv_surplus: 'view kv_surplus as select 0 as entries, 0 as newest',
  kv_bound_evict: `trigger kv_bound_evict instead of insert on kv_surplus begin
  update kv_bound set evicted = evicted + new.entries;
  delete from kv where id in (select id from kv where id is not new.newest order by revision, id limit new.entries);
end`,
  kv_bound_before: `trigger kv_bound_before before insert on kv
  when (select loading from kv_bound) is null and
    (exists (select 1 from kv where key = new.key) or exists (select 1 from kv where id = new.id) or (select replaced from kv_bound) > 0) begin
  update kv_bound set replaced =
    exists (select 1 from kv where key = new.key) + exists (select 1 from kv where id = new.id and key is not new.key);
end`,
  kv_bound_insert: `trigger kv_bound_insert after insert on kv when (select loading from kv_bound) is null begin
  update kv_bound set entries = entries + 1 - replaced;
  insert into kv_surplus select entries - max_entries, iif(new.revision = 0, new.id, null) from kv_bound where entries > max_entries;
end`,
  kv_bound_move: `trigger kv_bound_move before update of id, key on kv begin
  update kv_bound set replaced = (select count(*) from kv where (key = new.key or id = new.id) and id <> old.id);
end`,
  kv_bound_moved: `trigger kv_bound_moved after update of id, key on kv begin
  update kv_bound set entries = entries - iif(loading is null, replaced, old.id <= loading and new.id > loading), replaced = 0;
end`,
  kv_bound_delete: `trigger kv_bound_delete after delete on kv begin
  update kv_bound set entries = entries - 1, replaced = max(replaced - 1, 0);
end`,
}

/** Statements that give a store without entries its bound. */
export function boundSql(maxEntries: number): string {
  const parts = Object.values(BOUND_PARTS).map((text) => `create ${text};`)
  return `create table ${TABLE}; insert into kv_bound(id, max_entries, entries) values (1, ${maxEntries}, 0); ${parts.join('\n')}`
}

/** Has those go that are too many. */
const EVICT = 'insert into kv_surplus select entries - max_entries, null from kv_bound where entries > max_entries;'

/** Counts the entries anew, and has those go that are too many. */
export const RECOUNT = `update kv_bound set entries = (select count(*) from kv); ${EVICT}`

/** Before rows are put that {@link LOADED} counts, all at once: a third of the time. No `or replace`. */
export const LOADING = 'update kv_bound set replaced = 0, loading = (select coalesce(max(id), 0) from kv)'

/** After that, in the same transaction. */
export const LOADED = `update kv_bound set entries = entries + (select count(*) from kv where id > loading), loading = null;
  ${EVICT}`

/** Whether a store was made with a bound. */
export function hasBound(reader: Reader): boolean {
  return reader.statement(`select 1 from sqlite_schema where name = 'kv_bound'`).get() !== undefined
}

/** The bound of a store; `undefined` when it has none. */
export function boundOf(reader: Reader): Bound | undefined {
  if (!hasBound(reader)) return undefined
  const row = reader.statement('select max_entries, entries, evicted from kv_bound').get() as
    | [number, number, number]
    | undefined
  return row && { maxEntries: row[0], entries: row[1], evicted: row[2] }
}

/** Throws `KV_USAGE` when a store was made with another bound than is wanted. */
export function refuseOtherBound(
  connection: Reader & { once(name: string, step: () => void): void; read<T>(step: () => T): T },
  path: string,
  { maxEntries, anyBound }: { readonly maxEntries?: number | undefined; readonly anyBound: boolean },
): void {
  if (maxEntries === undefined || anyBound) return
  connection.once('bound', () => {
    const own = connection.read(() => boundOf(connection))?.maxEntries
    if (own === maxEntries) return
    const told = own === undefined ? 'was made without --max-entries' : `was made with --max-entries ${own}`
    throw usageError(
      `${path} ${told}, which stays`,
      `copy it to a new one: kv copy ${quoteWord(path)} NEW --max-entries ${maxEntries}`,
    )
  })
}
