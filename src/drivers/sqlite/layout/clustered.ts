import { FOREIGN_COMMIT, type Layout, REPLACED, STORE_TABLE } from './layout.ts'

/** Longer values, in bytes, are kept in a table of their own: within the tree of keys they would leave it with few keys a page. */
export const INLINE_BYTES = 256

const IS_LONG = `length(new.value) > ${INLINE_BYTES}`

/** What no entry may have; for a program that knows of `kv` only. */
const REFUSED = `select raise(abort, 'kv: the empty key is no key') where new.key = x'';
  select raise(abort, 'NOT NULL constraint failed: kv.value') where new.value is null`

/** The revision of a write of another program. */
const NEXT = 'coalesce((select revision from kv_store), 0) + 1'

/** The value of an entry, wherever it is; of a row of `kv_entry`, or what it was or becomes, in a trigger. */
export const valueOf = (row: 'kv_entry' | 'old' | 'new'): string =>
  `iif(${row}.long is null, ${row}.value, (select value from kv_long where id = ${row}.long))`

/**
 * Format 2: entries lie in key order, in a table without row ids; values of more than {@link INLINE_BYTES} in `kv_long`. Of `long`
 * and `value` one is null. `checksum` is that of src/blocks/checksum.ts, or null in an entry another tool wrote.
 *
 * Other tools read and write the view `kv`. Its triggers give what they write the next revision, and a mark, and no checksum. An
 * `or ignore` or `or replace` of their statement holds in a trigger too: `kv_conflict` tells which it was, since with `replace` the
 * second row takes the place of the first, with `ignore` it does not, and with neither the statement fails. `or fail` then leaves
 * the first row there, so each write empties the table before it.
 */
export const CLUSTERED: Layout = {
  format: 2,
  table: 'kv_entry',
  inKeyOrder: 'kv',
  withValues: {
    from: 'kv_entry left join kv_long on kv_long.id = kv_entry.long',
    value: 'coalesce(kv_entry.value, kv_long.value)',
    length: 'coalesce(length(kv_entry.value), length(kv_long.value))',
    type: 'iif(long is null, typeof(kv_entry.value), typeof(kv_long.value))',
  },
  tables: {
    kv_entry: `table kv_entry(
  key blob primary key not null,
  revision integer not null,
  expires integer,
  checksum integer,
  long integer,
  value blob
) strict, without rowid`,
    kv_long: `table kv_long(
  id integer primary key,
  value blob not null
) strict`,
    kv_store: STORE_TABLE,
    kv_conflict: `table kv_conflict(
  key blob primary key not null,
  replaces integer not null
) strict, without rowid`,
  },
  parts: {
    kv_expires: 'index kv_expires on kv_entry(expires) where expires is not null',
    kv_long_update: `trigger kv_long_update after update of long on kv_entry when old.long is not null and new.long is not old.long begin
  delete from kv_long where id = old.long;
end`,
    kv_long_delete: `trigger kv_long_delete after delete on kv_entry when old.long is not null begin
  delete from kv_long where id = old.long;
end`,
    kv: `view kv as select key, revision, expires, checksum, ${valueOf('kv_entry')} as value from kv_entry`,
    kv_insert: `trigger kv_insert instead of insert on kv begin
  ${REFUSED};
  delete from kv_conflict;
  insert into kv_conflict select key, 0 from kv_entry where key = new.key;
  insert into kv_conflict values (new.key, 1);
  insert into kv_long(value) select new.value from kv_conflict where replaces and ${IS_LONG};
  update kv_entry set revision = ${NEXT}, expires = new.expires, checksum = null,
    long = iif(${IS_LONG}, last_insert_rowid(), null), value = iif(${IS_LONG}, null, new.value)
    where key = new.key and (select replaces from kv_conflict);
  insert into kv_entry(key, revision, expires, long, value)
    select new.key, ${NEXT}, new.expires, iif(${IS_LONG}, last_insert_rowid(), null), iif(${IS_LONG}, null, new.value)
    where not exists (select 1 from kv_entry where key = new.key);
  update kv_store set ${FOREIGN_COMMIT} where (select replaces from kv_conflict);
  delete from kv_conflict;
end`,
    kv_update: `trigger kv_update instead of update on kv begin
  ${REFUSED};
  delete from kv_conflict;
  insert into kv_conflict select key, 0 from kv_entry where key = new.key and key is not old.key;
  insert into kv_conflict values (new.key, 1);
  insert into kv_long(value) select new.value from kv_conflict where replaces and ${IS_LONG} and new.value is not old.value;
  delete from kv_entry where key = new.key and key is not old.key and (select replaces from kv_conflict);
  update kv_entry set key = new.key, revision = ${NEXT}, expires = new.expires, checksum = null,
    long = case when new.value is old.value then long when ${IS_LONG} then last_insert_rowid() end,
    value = case when new.value is old.value then value when not ${IS_LONG} then new.value end
    where key = old.key and (select replaces from kv_conflict);
  update kv_store set ${FOREIGN_COMMIT} where (select replaces from kv_conflict);
  delete from kv_conflict;
end`,
    kv_delete: `trigger kv_delete instead of delete on kv begin
  delete from kv_entry where key = old.key;
  update kv_store set ${FOREIGN_COMMIT};
end`,
  },
  sweep: 'delete from kv_entry where key in (select key from kv_entry where expires <= ?1 limit 0 + ?2)',
  replaced: `${REPLACED}, long = excluded.long`,
}
