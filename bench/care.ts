/** Care: backing up, compacting, copying and comparing stores of a million entries. */
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bench, inTurn, installed, kvMs, processMs, settle } from './harness.ts'
import { writeRecords } from './records.ts'
import { report, row } from './table.ts'

/** Entries a second that a copy from file to file is to have. */
const COPIED_PER_SECOND = 400_000

await bench({ rounds: 5, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  await writeRecords(records, { jsonl: at('rows.jsonl') })
  const kv = (...args: string[]): number => kvMs(folder, '--quiet', ...args)
  kv('--store', at('store.kv'), 'batch-put', at('rows.jsonl'))
  kv('copy', at('store.kv'), at('equal.kv'))
  kv('copy', at('store.kv'), at('compact.kv'))
  /** Makes a file, which is not there before. */
  const making = (name: string, run: () => number) => ({
    prepare() {
      for (const suffix of ['', '-wal', '-shm']) rmSync(at(name + suffix), { force: true })
      settle()
    },
    run,
  })
  const peer = (sql: string) =>
    installed('sqlite3') ? making('peer.kv', () => processMs(folder, 'sqlite3', [at('store.kv'), sql])) : undefined
  const took = await inTurn(
    {
      backup: making('backup.kv', () => kv('--store', at('store.kv'), 'backup', at('backup.kv'))),
      sqliteBackup: peer(`.backup '${at('peer.kv')}'`),
      compact: { prepare: settle, run: () => kv('--store', at('compact.kv'), 'compact') },
      // Its entries lie in runs, as loads have sorted them.
      sort: {
        prepare() {
          copyFileSync(at('store.kv'), at('runs.kv'))
          settle()
        },
        run: () => kv('--store', at('runs.kv'), 'compact'),
      },
      restore: making('restored.kv', () => kv('--store', at('restored.kv'), 'restore', at('equal.kv'))),
      vacuumInto: peer(`vacuum into '${at('peer.kv')}'`),
      copy: making('copy.kv', () => kv('copy', at('store.kv'), at('copy.kv'))),
      diff: { run: () => kv('diff', at('store.kv'), at('equal.kv')) },
      exports: { run: () => kv('--store', at('store.kv'), 'range') + kv('--store', at('equal.kv'), 'range') },
    },
    rounds,
  )
  const aSecond = (ms: number): string => `${Math.round((records / ms) * 1000).toLocaleString('en')} a second`
  await report({
    name: 'care',
    about: `${records.toLocaleString('en')} entries (keys of 16 bytes, values of 100), starts of kv included. Medians of ${rounds}.`,
    rows: [
      row({
        what: '`kv backup`',
        ours: took.backup,
        theirs: took.sqliteBackup,
        peer: '`sqlite3 .backup`',
        atMost: 1.2,
      }),
      row({
        what: '`kv compact` of a store in key order',
        ours: took.compact,
        theirs: took.vacuumInto,
        peer: '`sqlite3` vacuum into',
        atMost: 1.2,
      }),
      row({
        what: '`kv compact` of a store in the order of loads, which sorts it',
        ours: took.sort,
        theirs: took.vacuumInto,
        peer: '`sqlite3` vacuum into, which does not sort',
      }),
      row({
        what: '`kv restore`, with its check of every entry',
        ours: took.restore,
        theirs: took.sqliteBackup,
        peer: '`sqlite3 .backup`, without one',
      }),
      row({
        what: '`kv copy`, file to file, durable',
        ours: took.copy,
        theirs: (records / COPIED_PER_SECOND) * 1000,
        peer: 'target',
        show: aSecond,
        atMost: 1,
      }),
      row({
        what: '`kv diff` of equal stores',
        ours: took.diff,
        theirs: took.exports,
        peer: 'two exports',
        atMost: 1.5,
      }),
    ],
    folder,
    write,
  })
})
