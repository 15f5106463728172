import { BEGAN, ENDED, NEXT } from './shared-triggers.ts'

/** Whether kv writes, and not another program or a kv older than histories. */
const IS_KV = '(select writing from kv_history_state) is not null'

/** The update by which a trigger gives another program's write its revision (schema.ts): no version of its own. */
const IS_REVISION_ALONE = `new.checksum is null and new.revision is not old.revision and new.key is old.key
  and new.expires is old.expires and new.value is old.value`

/**
 * Holds the rows that an `insert or replace` of another program is about to remove, for which no delete
 * trigger runs; what an insert without conflict has left there is removed before the next one.
 */
export const REPLACED_TABLE = `table kv_history_replaced(
  id integer primary key,
  key blob not null,
  revision integer not null,
  expires integer,
  checksum integer,
  value blob not null
) strict`

/** What notes the versions that end in a store whose entries are rows. */
export const ROWS_TRIGGERS = {
  kv_history_replace: `trigger kv_history_replace before insert on kv when not (${IS_KV})
  and (exists (select 1 from kv where id = new.id or key = new.key) or exists (select 1 from kv_history_replaced)) begin
  delete from kv_history_replaced;
  insert into kv_history_replaced select id, key, revision, expires, checksum, value from kv where id = new.id or key = new.key;
end`,
  kv_history_replaced_end: `trigger kv_history_replaced_end after insert on kv when not (${IS_KV}) and exists (select 1 from kv_history_replaced) begin
  insert into kv_history_end select key, revision, expires, checksum, value,
    iif(new.revision = 0, (select iif(revision = 0, ${NEXT}, revision) from kv where id = new.id), new.revision), key is new.key
    from kv_history_replaced;
end`,
  kv_history_insert: `trigger kv_history_insert after insert on kv
  when ${IS_KV} or not exists (select 1 from kv_history_replaced where key = new.key) begin
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')},
    iif(new.revision = 0, (select iif(revision = 0, ${NEXT}, revision) from kv where id = new.id), new.revision)
    from (select ${BEGAN('new.key')} as began);
end`,
  kv_history_update: `trigger kv_history_update after update of key, revision, expires, value on kv
  when old.revision < ${NEXT} and not (${IS_REVISION_ALONE}) begin
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, old.value,
    iif(new.revision is not old.revision, new.revision, (select iif(revision is old.revision, ${NEXT}, revision) from kv where id = new.id)),
    new.key is old.key;
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')}, ${NEXT}
    from (select ${BEGAN('new.key')} as began) where new.key is not old.key;
end`,
  kv_history_delete: `trigger kv_history_delete after delete on kv when old.revision < ${NEXT} begin
  delete from kv_history_replaced where id = old.id;
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, old.value, ${NEXT}, 0;
end`,
}
