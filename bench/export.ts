/**
 * Export: a million entries as JSON text in key order into a pipe, beside `sqlite3 -json`; CSV and TSV beside the JSON
 * text.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KV, bench, environment, inTurn, installed, kvMs, library, processMs } from './harness.ts'
import { fill, sqliteImport, writeRecords } from './records.ts'
import { engine, report, row } from './table.ts'

/** Entries of a batch of the store that grew. */
const GROWTH = 1000

await bench({ rounds: 7, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  await writeRecords(records, {
    jsonl: at('rows.jsonl'),
    csv: at('rows.csv'),
    objectsJsonl: at('objects.jsonl'),
  })
  kvMs(folder, '--quiet', '--store', at('store.kv'), 'batch-put', at('rows.jsonl'))
  kvMs(folder, '--quiet', '--store', at('objects.kv'), 'batch-put', at('objects.jsonl'))
  checkExport(folder)
  await grow(at('grown.kv'), records)
  const throughPipe = (command: string) => ({
    run: () => processMs(folder, 'sh', ['-c', `${command} | cat > /dev/null`]),
  })
  const range = (store: string, format = 'jsonl') =>
    throughPipe(`'${process.execPath}' '${KV}' --store '${at(store)}' range --format ${format}`)
  const asJson = (file: string, columns: string, table = 'kv') =>
    installed('sqlite3')
      ? throughPipe(`sqlite3 -json '${at(file)}' 'select ${columns} from ${table} order by key'`)
      : undefined
  const asText = 'cast(key as text) as key, cast(value as text) as value'
  // In format 2 `kv` is a view; with values that are not long, as here, the table has them all.
  const { Connection } = await engine()
  const connection = new Connection(at('store.kv'), { readOnly: true })
  const isClustered = connection.prepare("select 1 from sqlite_schema where name = 'kv_entry'").get() !== undefined
  connection.close()
  if (installed('sqlite3')) {
    writeFileSync(at('import.sql'), sqliteImport(at('rows.csv')))
    processMs(folder, 'sqlite3', ['-bail', at('table.db')], at('import.sql'))
  }
  const took = await inTurn(
    {
      kv: range('store.kv'),
      grown: range('grown.kv'),
      sameFile: asJson('store.kv', asText),
      sameTable: isClustered ? asJson('store.kv', asText, 'kv_entry') : undefined,
      sameGrown: asJson('grown.kv', asText),
      ownTable: asJson('table.db', 'key, value'),
      csv: range('store.kv', 'csv'),
      tsv: range('store.kv', 'tsv'),
      objects: range('objects.kv'),
      objectsCsv: range('objects.kv', 'csv'),
      objectsTsv: range('objects.kv', 'tsv'),
    },
    rounds,
  )
  const ours = { what: '`kv range \\| cat`', ours: took.kv, atMost: 0.5 }
  await report({
    name: 'export',
    about: `${records.toLocaleString('en')} entries (keys of 16 bytes, values of 100) as JSON text in key order into a pipe. Medians of ${rounds}; the output was compared with the sorted input, byte for byte.`,
    rows: [
      row({ ...ours, theirs: took.sameFile, peer: '`sqlite3 -json` on the same file' }),
      ...(isClustered
        ? [row({ ...ours, theirs: took.sameTable, peer: '`sqlite3 -json` on the same file, from `kv_entry`' })]
        : []),
      row({ ...ours, theirs: took.ownTable, peer: '`sqlite3 -json` on the table `.import` made' }),
      row({
        what: `the same, written in batches of ${GROWTH.toLocaleString('en')} random keys`,
        ours: took.grown,
        theirs: took.sameGrown,
        peer: '`sqlite3 -json` on the same file',
        atMost: 0.7,
      }),
      ...(['csv', 'tsv'] as const).map((form) =>
        row({
          what: `\`kv range --format ${form}\``,
          ours: took[form],
          theirs: took.kv,
          peer: 'JSON Lines',
          atMost: 1.3,
        }),
      ),
      ...(['Csv', 'Tsv'] as const).map((form) =>
        row({
          what: `\`kv range --format ${form.toLowerCase()}\`, values of JSON`,
          ours: took[`objects${form}`],
          theirs: took.objects,
          peer: 'JSON Lines',
          atMost: 1.3,
        }),
      ),
    ],
    folder,
    write,
  })
})

/** Makes a store of the same entries as it grows over time: neighbours in key order are not neighbours in the file. */
async function grow(path: string, count: number): Promise<void> {
  const store = await library.openStore(path, { durable: false })
  await fill(store, count, GROWTH)
  await store.close()
}

/** Throws unless the export is the input in key order. */
function checkExport(folder: string): void {
  const expected = readFileSync(join(folder, 'rows.jsonl'), 'latin1').split('\n').slice(0, -1).sort().join('\n')
  const exported = execFileSync(process.execPath, [KV, '--store', join(folder, 'store.kv'), 'range'], {
    env: environment(folder),
    maxBuffer: 1 << 30,
    encoding: 'latin1',
  })
  if (exported !== `${expected}\n`) throw new Error('the export differs from the sorted input')
}
