import { FOREIGN_COMMIT, type Layout, REPLACED, STORE_TABLE } from './layout.ts'

/**
 * Whether an update is another tool's: kv changes the revision or at least the checksum. Does not compare the values:
 * the engine would read the old one for each update, however long.
 */
export const IS_FOREIGN_UPDATE = 'new.revision is old.revision and new.checksum is old.checksum'

/** Whether an insert is another tool's, which knows nothing of revisions. */
export const IS_FOREIGN_INSERT = 'new.revision = 0'

const IN_KEY_ORDER = 'kv indexed by sqlite_autoindex_kv_1'

/**
 * Format 1: a table with a row id and a unique index on the key. Entries lie in the order in which they were written; a store
 * with a bound has them so, since the row id tells which of one write's entries came first. `value` comes last, so that the other
 * columns are read without walking a long value. `checksum` is that of src/blocks/checksum.ts, or null in a row another tool wrote.
 *
 * By triggers another tool's writes get the next revision too, and a mark, and the checksum of a row it has changed is cleared, so
 * that `check` reports no false damage. What the triggers do is behind a view, because the engine prepares all of a trigger for
 * each row, also of kv's own writes, before it looks at the condition.
 */
export const ROWS: Layout = {
  format: 1,
  table: 'kv',
  inKeyOrder: IN_KEY_ORDER,
  withValues: { from: IN_KEY_ORDER, value: 'value', length: 'length(value)', type: 'typeof(value)' },
  tables: {
    kv: `table kv(
  id integer primary key,
  key blob not null unique,
  revision integer not null default 0,
  expires integer,
  checksum integer,
  value blob not null
) strict`,
    kv_store: STORE_TABLE,
  },
  parts: {
    kv_expires: 'index kv_expires on kv(expires) where expires is not null',
    kv_foreign: 'view kv_foreign as select 0 as id',
    kv_foreign_write: `trigger kv_foreign_write instead of insert on kv_foreign begin
  update kv_store set ${FOREIGN_COMMIT};
  update kv set revision = coalesce((select revision from kv_store), revision), checksum = null where id = new.id;
end`,
    kv_foreign_insert: `trigger kv_foreign_insert after insert on kv when ${IS_FOREIGN_INSERT} begin
  select raise(abort, 'kv: the empty key is no key') where new.key = x'';
  insert into kv_foreign values (new.id);
end`,
    kv_foreign_update: `trigger kv_foreign_update after update of key, value, expires on kv when ${IS_FOREIGN_UPDATE} begin
  select raise(abort, 'kv: the empty key is no key') where new.key = x'';
  insert into kv_foreign values (new.id);
end`,
  },
  sweep: 'delete from kv where id in (select id from kv where expires <= ?1 limit 0 + ?2)',
  replaced: REPLACED,
}
