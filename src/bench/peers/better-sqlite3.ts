import { join } from 'node:path'
import { userPackage } from './packages.ts'
import type { Peer } from './peer.ts'

interface Statement {
  run(...values: unknown[]): unknown
  get(...values: unknown[]): unknown
  all(...values: unknown[]): unknown[]
  raw(): Statement
}

interface Database {
  pragma(text: string): unknown
  exec(sql: string): void
  prepare(sql: string): Statement
  transaction<T>(step: (argument: T) => void): (argument: T) => void
  close(): void
}

/** SQLite through the npm package better-sqlite3: a table of keys and values, in write-ahead-log mode. */
export const betterSqlite3: Peer = {
  name: 'better-sqlite3',
  async open({ folder, durable }) {
    const { module: Open, version } = userPackage<new (path: string) => Database>('better-sqlite3')
    const database = new Open(join(folder, 'better-sqlite3.db'))
    database.pragma('journal_mode = wal')
    database.pragma(`synchronous = ${durable ? 'full' : 'normal'}`)
    database.exec('create table kv(key blob primary key, value blob not null) without rowid')
    const get = database.prepare('select value from kv where key = ?').raw()
    const put = database.prepare('insert into kv values (?, ?) on conflict (key) do update set value = excluded.value')
    const del = database.prepare('delete from kv where key = ?')
    const range = database.prepare('select key, value from kv where key >= ? order by key limit ?').raw()
    const count = database.prepare('select count(*) from kv').raw()
    const ascending = database.prepare('select key, value from kv order by key').raw()
    const descending = database.prepare('select key, value from kv order by key desc').raw()
    const keys = database.prepare('select key from kv order by key').raw()
    const putMany = database.transaction((entries: readonly { key: Buffer; value: Buffer }[]) => {
      for (const { key, value } of entries) put.run(key, value)
    })
    return {
      how: 'in this process',
      durable,
      engine: () => `better-sqlite3 ${version}`,
      get: (key) => get.get(key),
      put: (key, value) => put.run(key, value),
      putMany,
      del: (key) => del.run(key),
      range: (start, limit) => range.all(start, limit).length,
      scan: (_prefix, { reverse, keysOnly }) => (keysOnly ? keys : reverse ? descending : ascending).all().length,
      count: () => (count.get() as [number])[0],
      close: async () => database.close(),
    }
  },
}
