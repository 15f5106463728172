import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { Program, versionOf } from './program.ts'

/** The line that ends an answer; no value holds a blank. */
const END = '- end -'

/** The sqlite3 program, kept running: statements go in through a pipe, rows come back through another. */
export const sqlite3: Peer = {
  name: 'sqlite3',
  async open({ folder, durable, signal }) {
    const version = await versionOf('sqlite3', ['--version'])
    // The user's ~/.sqliterc is for the user's own sessions. Without stdbuf the C library would keep the answers back
    // until there are 4 KiB of them.
    await versionOf('stdbuf', ['--version'])
    const sqlite = ['sqlite3', '-init', '/dev/null', '-batch', '-bail', join(folder, 'sqlite3.db')]
    const program = new Program('env', [`HOME=${folder}`, 'stdbuf', '-oL', ...sqlite], signal)
    const run = async (sql: string): Promise<string[]> =>
      (await program.ask(`${sql}\n.print ${END}\n`, (line) => line === END)).slice(0, -1)
    await run(
      `pragma journal_mode = wal; pragma synchronous = ${durable ? 'full' : 'normal'};\ncreate table kv(key text primary key, value text not null) without rowid;`,
    )
    const insert = (key: Buffer, value: Buffer): string => `insert or replace into kv values ('${key}', '${value}');`
    return {
      how: 'program, through a pipe',
      durable,
      engine: () => `sqlite3 ${version.split(' ')[0]}`,
      get: async (key) => (await run(`select value from kv where key = '${key}';`))[0],
      put: (key, value) => run(insert(key, value)),
      putMany: (entries) => run(`begin;\n${entries.map(({ key, value }) => insert(key, value)).join('\n')}\ncommit;`),
      del: (key) => run(`delete from kv where key = '${key}';`),
      range: async (start, limit) =>
        (await run(`select key, value from kv where key >= '${start}' order by key limit ${limit};`)).length,
      scan: async (_prefix, { reverse, keysOnly }) =>
        (await run(`select key${keysOnly ? '' : ', value'} from kv order by key${reverse ? ' desc' : ''};`)).length,
      count: async () => Number((await run('select count(*) from kv;'))[0]),
      close: () => program.end(),
    }
  },
}
