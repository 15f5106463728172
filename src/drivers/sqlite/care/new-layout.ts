/** Which layout a store gets when it is written anew, and what its file then has. */
import type { Connection } from '../file/connection.ts'
import { CLUSTERED } from '../layout/clustered.ts'
import type { Layout } from '../layout/layout.ts'
import { LAYOUT_OF_NEW } from '../layout/layouts.ts'
import { ROWS } from '../layout/rows.ts'
import { historyParts } from '../history/tables.ts'
import { logSql } from '../watch/change-log.ts'

/** A table, index, view or trigger: its name, the statement that makes it, and the table that it is about. */
export type Part = readonly [type: string, name: string, sql: string, table: string]

/** What a store may have besides, by layout. */
const FEATURES: readonly ((layout: Layout) => Readonly<Record<string, string>>)[] = [historyParts, logParts]

function logParts(layout: Layout): Record<string, string> {
  const [, ...texts] = logSql(layout).split(/^create /m)
  return Object.fromEntries(texts.map((text) => [text.split(/[ (]/, 2)[1]!, text.trimEnd().slice(0, -1)]))
}

/** The columns of an entry in a store of format 1. */
const COLUMNS = 'id key revision expires checksum value'

/** All parts of a file, but for what the engine makes by itself. */
export function partsOf(connection: Connection): Part[] {
  return connection
    .statement('select type, name, sql, tbl_name from sqlite_schema where sql is not null order by rowid')
    .all() as Part[]
}

/** Whether kv makes this, so that it can be made again by its statement, and the rows of a table be copied to one. */
export function isOfKv([, name, sql]: Part): boolean {
  return /^kv(_|$)/.test(name) && !/^create virtual/i.test(sql)
}

/**
 * The layout of a store that is written anew. One with a bound needs row ids. Nor does one change that has what this kv does not
 * know, or what cannot be about a view: another program's trigger, index or column of `kv`, or a foreign key.
 */
export function layoutAfter(connection: Connection, parts: readonly Part[]): Layout {
  const { layout } = connection
  if (layout === CLUSTERED || connection.isBounded) return layout
  const known = knownParts(layout)
  const isKnown = (part: Part): boolean => known.has(part[1]) || !(isOfKv(part) || part[3] === layout.table)
  const columns = connection.statement(`select name from pragma_table_info('kv')`).all() as [string][]
  const mayChange =
    parts.every(isKnown) &&
    columns.map(([name]) => name).join(' ') === COLUMNS &&
    connection
      .statement(
        `select 1 from sqlite_schema as part, pragma_foreign_key_list(part.name) as key where part.type = 'table' and key."table" = 'kv' collate nocase`,
      )
      .get() === undefined
  return mayChange ? LAYOUT_OF_NEW : ROWS
}

/** The parts of kv in another layout, in an order in which they can be made. */
export function convertedParts(parts: readonly Part[], from: Layout, to: Layout): Part[] {
  const names = new Set(parts.map(([, name]) => name))
  const features = FEATURES.filter((texts) => Object.keys(texts(from)).some((name) => names.has(name)))
  const texts = [to.tables, to.parts, ...features.map((feature) => feature(to))]
  return texts.flatMap((list) =>
    Object.entries(list).map(([name, text]): Part => [text.slice(0, text.indexOf(' ')), name, `create ${text}`, '']),
  )
}

function knownParts(layout: Layout): ReadonlySet<string> {
  return new Set([layout.tables, layout.parts, ...FEATURES.map((texts) => texts(layout))].flatMap(Object.keys))
}
