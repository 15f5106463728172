/** Export: a million entries as JSON text in key order into a pipe, beside `sqlite3 -json`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../dist/index.js'
import { records as recordsOf, writeRecords } from './data.mjs'
import { KV, bench, inTurn, installed, median, output, seconds } from './measure.mjs'
import { report, row } from './report.mjs'

/** Entries of a batch of the store that grew. */
const GROWTH = 1000

await bench({ rounds: 7, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name) => join(folder, name)
  const hasPeer = installed('sqlite3')
  await writeRecords(records, { jsonl: at('rows.jsonl'), csv: at('rows.csv') })
  seconds(folder, process.execPath, [KV, '--quiet', '--store', at('store.kv'), 'batch-put', at('rows.jsonl')])
  checkExport(folder, at)
  await grow(at('grown.kv'), records)
  const throughPipe = (command) => () => seconds(folder, 'sh', ['-c', `${command} | cat > /dev/null`])
  const range = (store) => ({ run: throughPipe(`'${process.execPath}' '${KV}' --store '${at(store)}' range`) })
  const asJson = (store) => ({
    run: throughPipe(
      `sqlite3 -json '${at(store)}' 'select cast(key as text) as key, cast(value as text) as value from kv order by key'`,
    ),
  })
  const cases = { kv: range('store.kv'), grown: range('grown.kv') }
  if (hasPeer) {
    writeFileSync(
      at('import.sql'),
      `create table kv(key text primary key, value text not null);\n.mode csv\n.import "${at('rows.csv')}" kv\n`,
    )
    seconds(folder, 'sqlite3', ['-bail', at('table.db')], { input: at('import.sql') })
    cases.sameFile = asJson('store.kv')
    cases.sameGrown = asJson('grown.kv')
    cases.ownTable = { run: throughPipe(`sqlite3 -json '${at('table.db')}' 'select key, value from kv order by key'`) }
  }
  const figures = await inTurn(cases, rounds)
  const took = (name) => figures[name] && median(figures[name])
  const what = '`kv range \\| cat`'
  await report({
    name: 'export',
    about: `${records.toLocaleString('en')} entries (keys of 16 bytes, values of 100) as JSON text in key order into a pipe. Medians of ${rounds}; the output was compared with the sorted input, byte for byte.`,
    rows: [
      row({ what, ours: took('kv'), theirs: took('sameFile'), peer: '`sqlite3 -json` on the same file', atMost: 0.5 }),
      row({
        what,
        ours: took('kv'),
        theirs: took('ownTable'),
        peer: '`sqlite3 -json` on the table `.import` made',
        atMost: 0.5,
      }),
      row({
        what: `the same, written in batches of ${GROWTH.toLocaleString('en')} random keys`,
        ours: took('grown'),
        theirs: took('sameGrown'),
        peer: '`sqlite3 -json` on the same file',
      }),
    ],
    folder,
    write,
  })
})

/**
 * Makes a store of the same entries as it grows over time: what stands side by side in the order of keys does not in
 * the file.
 */
async function grow(path, count) {
  const store = await openStore(path, { sync: false })
  let ops = []
  for (const [key, value] of recordsOf(count)) {
    ops.push({ type: 'put', key, value })
    if (ops.length < GROWTH) continue
    await store.batch(ops)
    ops = []
  }
  await store.batch(ops)
  await store.close()
}

/** Throws unless the export is the input in key order. */
function checkExport(folder, at) {
  const expected = readFileSync(at('rows.jsonl'), 'latin1').split('\n').slice(0, -1).sort().join('\n')
  const exported = output(folder, process.execPath, [KV, '--store', at('store.kv'), 'range'])
  if (exported.toString('latin1') !== `${expected}\n`) throw new Error('the export differs from the sorted input')
}
