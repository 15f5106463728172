/** Cold start: a whole process that answers one question, beside Node doing nothing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KV, bench, inTurn, kvMs, processMs } from './harness.ts'
import { writeRecords } from './records.ts'
import { report, row } from './table.ts'

await bench({ rounds: 20, records: 1000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  await writeRecords(records, { jsonl: at('rows.jsonl') })
  writeFileSync(at('empty.cjs'), '')
  const store = at('store.kv')
  const node = (...args: string[]) => ({ run: () => processMs(folder, process.execPath, args) })
  const kv = (...args: string[]) => node(KV, '--store', store, ...args)
  kvMs(folder, '--quiet', '--store', store, 'batch-put', at('rows.jsonl'))
  kvMs(folder, '--store', store, 'put', 'user:1', 'Ada')
  const took = await inTurn(
    {
      floor: node('-e', '0'),
      empty: node(at('empty.cjs')),
      get: kv('get', 'user:1'),
      put: kv('put', 'user:2', 'Bob'),
      help: node(KV, '--help'),
    },
    rounds,
  )
  const beside = { theirs: took.floor, peer: '`node -e 0`' }
  await report({
    name: 'cold',
    about: `One process from start to end, environment reduced to PATH and HOME, a store of ${records.toLocaleString('en')} entries in the page cache. Medians of ${rounds}.`,
    rows: [
      row({ what: '`kv get KEY`', ours: took.get, ...beside, atMost: 1.5 }),
      row({ what: '`kv --help`', ours: took.help, ...beside, atMost: 1.5 }),
      row({ what: '`kv put KEY VALUE` (durable)', ours: took.put, ...beside }),
      row({ what: 'an empty CommonJS file', ours: took.empty, ...beside }),
    ],
    folder,
    write,
  })
})
