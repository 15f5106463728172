/** How the entries of a store lie in its file. There are two ways: rows.ts and clustered.ts. */

/** Entries in key order with their values, in statements. */
export interface ValuesSql {
  readonly from: string
  readonly value: string
  /** The length of the value, for which the engine does not read it. */
  readonly length: string
  /** The type of the value, likewise. */
  readonly type: string
}

/** A layout of the file, and what statements need to know of it. */
export interface Layout {
  /** Version of the file format, in `user_version`. */
  readonly format: number
  /** The table that kv writes entries to. All read them from `kv`, which is that table or a view of it. */
  readonly table: 'kv' | 'kv_entry'
  /** What to read `from` where the engine must go through the entries in key order, and not choose another way. */
  readonly inKeyOrder: string
  /** The same for statements that need a value, or its length, more than once: with a join, a long one is looked up once. */
  readonly withValues: ValuesSql
  /** Tables by their names, the first that of {@link table}; and views, triggers and indexes. Each is made by `create` and its text. */
  readonly tables: Readonly<Record<string, string>>
  readonly parts: Readonly<Record<string, string>>
  /** Removes what has expired by `?1`, at most `?2` entries. */
  readonly sweep: string
  /** What an insert into {@link table} does with a key that exists, see `onConflict`. */
  readonly replaced: string
}

/** The table of what concerns the store as a whole; one row. Both layouts have it. */
export const STORE_TABLE = `table kv_store(
  id integer primary key check (id = 1),
  revision integer not null,
  mark integer,
  mark_before integer
) strict`

/** A mark that a trigger gives: negative, so that it is known as another tool's. */
export const FOREIGN_MARK = '(random() & 4611686018427387903) - 9223372036854775807 - 1'

/**
 * What a trigger sets in `kv_store` for a write of another tool: the next revision, and a mark; several of its statements
 * may be one commit, so they all keep the last mark before them that kv made.
 */
export const FOREIGN_COMMIT = `revision = revision + 1, mark_before = iif(mark < 0, mark_before, mark), mark = ${FOREIGN_MARK}`

/** What an insert sets of an entry whose key exists. In the clustered layout that is all while neither value is long. */
export const REPLACED =
  'value = excluded.value, revision = excluded.revision, expires = excluded.expires, checksum = excluded.checksum'

/** Statements that make all of a layout. */
export function layoutSql({ tables, parts }: Layout): string {
  return [...Object.values(tables), ...Object.values(parts)].map((text) => `create ${text};`).join('\n')
}
