import { valueOf } from '../layout/clustered.ts'
import { BEGAN, ENDED, NEXT } from './shared-triggers.ts'

/**
 * What notes the versions that end in a clustered store: before the change, since a long value is gone after it. Every write
 * gives a revision at once, other programs' by triggers of the view they write to.
 */
export const CLUSTERED_TRIGGERS = {
  kv_history_insert: `trigger kv_history_insert after insert on kv_entry begin
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')}, new.revision
    from (select ${BEGAN('new.key')} as began);
end`,
  kv_history_update: `trigger kv_history_update before update of key, revision, expires, long, value on kv_entry
  when old.revision < ${NEXT} begin
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, ${valueOf('old')}, new.revision, new.key is old.key;
  insert into kv_history(key, began, ended, ended_revision) select new.key, began, ${ENDED('began')}, new.revision
    from (select ${BEGAN('new.key')} as began) where new.key is not old.key;
end`,
  kv_history_delete: `trigger kv_history_delete before delete on kv_entry when old.revision < ${NEXT} begin
  insert into kv_history_end select old.key, old.revision, old.expires, old.checksum, ${valueOf('old')}, ${NEXT}, 0;
end`,
}
