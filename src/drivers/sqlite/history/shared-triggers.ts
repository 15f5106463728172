/** The time of a change: what kv has noted for all of its transaction, or the engine's, for other programs. */
export const NOW = `(select coalesce(now, cast(round((julianday('now') - 2440587.5) * 86400000) as integer)) from kv_history_state)`

/** The revision that a change gets: what kv has noted, or that of the next commit. */
export const NEXT = `(select coalesce(writing, (select revision from kv_store) + 1) from kv_history_state)`

/** When the version of a key began that ends now; null: before the history did. */
export const BEGAN = (key: string): string =>
  `(select ended from kv_history where key = ${key} order by ended desc, id desc limit 1)`

/** When it ends: a clock that was set back does not make it end before it began. */
export const ENDED = (began: string, time = NOW): string =>
  `max(${time}, coalesce(${began}, (select time from kv_history_state)))`

/** Where there are more values than are kept, takes away what is before the oldest of these. */
const TRIM = (key: string): string => `delete from kv_history where key = ${key}
    and (select count(*) from kv_history where key = ${key} and typeof(value) = 'blob') > (select keep from kv_history_state)
    and (ended, id) < (select ended, id from kv_history where key = ${key} and typeof(value) = 'blob'
      order by ended desc, id desc limit 1 offset (select keep - 1 from kv_history_state))`

/**
 * A version is noted when it ends: an entry with its value, or, with null, that the key was not there. So nothing is stored
 * twice, and a version begins when the one before it ended. What a transaction of kv has put and changes again was seen
 * by nobody and is no version. FORMAT.md ("The history") says more.
 */
export const SHARED_TRIGGERS = {
  kv_history_end: `view kv_history_end as select 0 as key, 0 as revision, 0 as expires, 0 as checksum, 0 as value, 0 as ended_revision, 0 as is_replaced`,
  kv_history_ended: `trigger kv_history_ended instead of insert on kv_history_end begin
  insert into kv_history(key, revision, began, ended, ended_revision, expires, checksum, value)
    select new.key, new.revision, began, ${ENDED('began', `min(coalesce(new.expires, now), now)`)}, new.ended_revision, new.expires, new.checksum, new.value
    from (select ${BEGAN('new.key')} as began, ${NOW} as now);
  insert into kv_history(key, began, ended, ended_revision)
    select new.key, began, ${ENDED('began')}, new.ended_revision from (select ${BEGAN('new.key')} as began)
    where new.is_replaced and new.expires <= ${NOW};
  ${TRIM('new.key')};
end`,
}
