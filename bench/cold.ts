/** Cold start: a whole process that answers one question, beside Node doing nothing. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KV, ROOT, bench, inTurn, kvMs, processMs } from './harness.ts'
import { writeRecords } from './records.ts'
import { report, row } from './table.ts'

/** The executable without Node, where `npm run build:native` made one. */
const NATIVE = join(ROOT, 'dist/native/kv')

await bench({ rounds: 20, records: 1000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  await writeRecords(records, { jsonl: at('rows.jsonl') })
  writeFileSync(at('empty.cjs'), '')
  const store = at('store.kv')
  const node = (...args: string[]) => ({ run: () => processMs(folder, process.execPath, args) })
  const kv = (...args: string[]) => node(KV, '--store', store, ...args)
  const native = (...args: string[]) =>
    existsSync(NATIVE) ? { run: () => processMs(folder, NATIVE, ['--store', store, ...args]) } : undefined
  kvMs(folder, '--quiet', '--store', store, 'batch-put', at('rows.jsonl'))
  kvMs(folder, '--store', store, 'put', 'user:1', 'Ada')
  const took = await inTurn(
    {
      floor: node('-e', '0'),
      empty: node(at('empty.cjs')),
      get: kv('get', 'user:1'),
      put: kv('put', 'user:2', 'Bob'),
      help: node(KV, '--help'),
      nativeGet: native('get', 'user:1'),
      nativeHelp: native('--help'),
      nativePut: native('put', 'user:2', 'Bob'),
    },
    rounds,
  )
  const beside = { theirs: took.floor, peer: '`node -e 0`' }
  const nativeRow = (what: string, ours: number | undefined, atMost?: number): string[][] =>
    ours === undefined ? [] : [row({ what: `${what}, without Node`, ours, ...beside, ...(atMost && { atMost }) })]
  await report({
    name: 'cold',
    about: `One process from start to end, environment reduced to PATH and HOME, a store of ${records.toLocaleString('en')} entries in the page cache. Medians of ${rounds}.`,
    rows: [
      row({ what: '`kv get KEY`', ours: took.get, ...beside, atMost: 1.35 }),
      row({ what: '`kv --help`', ours: took.help, ...beside, atMost: 1.5 }),
      row({ what: '`kv put KEY VALUE` (durable)', ours: took.put, ...beside }),
      ...nativeRow('`kv get KEY`', took.nativeGet, 0.5),
      ...nativeRow('`kv --help`', took.nativeHelp, 0.5),
      ...nativeRow('`kv put KEY VALUE` (durable)', took.nativePut),
      row({ what: 'an empty CommonJS file', ours: took.empty, ...beside }),
    ],
    folder,
    write,
  })
})
