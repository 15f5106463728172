import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvLine } from '../../src/formats/csv/writer.ts'
import { pathText } from '../../src/formats/path.ts'
import { expectRun, givenStore, kv } from '../helpers/kv.ts'
import { PROGRAM_PATH, hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const HARD = ['"', '""', ',', ';', '\t', '\n', '\r\n', '\\', '\\n', ' ', 'é', '\u{1f600}', 'a', '0', '.', ':', '{', '}']

const text = fc
  .oneof(
    fc.array(fc.constantFrom(...HARD), { maxLength: 6 }).map((parts) => parts.join('')),
    fc.string(),
  )
  .map((string) => string.toWellFormed())

const name = text
  .map((string) => string.replaceAll(/[\r\n]/g, '').trim())
  .filter((string) => string !== '' && !['id', 'key', 'value', 'expires'].includes(string.toLowerCase()))

/** A header and many rows, of which the first field is a number that is also the order of the rows. */
const table = fc
  .uniqueArray(name, { minLength: 1, maxLength: 12 })
  .chain((names) =>
    fc
      .array(fc.tuple(...names.map(() => text)), { minLength: 1, maxLength: 200, size: 'max' })
      .map((rows) => [['id', ...names], ...rows.map((row, at) => [String(at + 1), ...row])]),
  )

/** Some tables that are the same in every run. */
const TABLES = fc.sample(table, { numRuns: 8, seed: 19 })

/** The text of `--columns` for these names. */
const columnsOf = (names: readonly string[]): string => names.map((column) => pathText([column])).join(',')

async function loaded(rows: readonly string[][]): Promise<{ store: string; csv: string }> {
  const store = await givenStore()
  const csv = rows.map((row) => csvLine(row)).join('')
  const file = join(tempDir(), 'table.csv')
  writeFileSync(file, csv)
  const { code, stderr } = await kv(['batch-put', '--quiet', '--key', '{id:06}', file], { store })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return { store, csv }
}

describe('a table that is loaded with --key and printed with --columns', () => {
  test.for(TABLES.map((rows, at) => [at, rows] as const))('has the same bytes as CSV: %i', async ([, rows]) => {
    const { store, csv } = await loaded(rows)
    const args = ['range', '--columns', columnsOf(rows[0]!), '--format']
    expectRun(await kv([...args, 'csv'], { store }), { stdout: csv })
    // As TSV and as JSON, loaded again, it is the same, too.
    for (const format of ['tsv', 'jsonl', 'json']) {
      const printed = await kv([...args, format], { store })
      const copy = await givenStore()
      const put = await kv(['batch-put', '--quiet', '--format', format, '--key', '{id:06}'], {
        store: copy,
        input: printed.stdout,
      })
      expect({ code: put.code, stderr: put.stderr }).toEqual({ code: 0, stderr: '' })
      expectRun(await kv([...args, 'csv'], { store: copy }), { stdout: csv })
    }
  })

  test.skipIf(!hasProgram('python3'))('is read by Python as it was', async () => {
    const read =
      'import csv,json,sys; print(json.dumps(list(csv.reader(open(sys.argv[1],newline="",encoding="utf-8")))))'
    for (const rows of TABLES) {
      const { store } = await loaded(rows)
      const { stdout } = await kv(['range', '--columns', columnsOf(rows[0]!), '--format', 'csv'], { store })
      const file = join(tempDir(), 'out.csv')
      writeFileSync(file, stdout)
      const run = spawnSync('python3', ['-c', read, file], { env: { PATH: PROGRAM_PATH }, maxBuffer: 2 ** 28 })
      expect(JSON.parse(run.stdout.toString())).toEqual(rows)
    }
  })

  test.skipIf(!hasProgram('mlr', 'miller'))('is read by Miller as it was', async () => {
    const rows = [
      ['id', 'first name', 'note'],
      ['1', 'Ada "L"', 'one,two'],
      ['2', 'Éva\nx', ''],
    ]
    const { store } = await loaded(rows)
    const { stdout } = await kv(['range', '--columns', 'id,first name,note', '--format', 'csv'], { store })
    const file = join(tempDir(), 'out.csv')
    writeFileSync(file, stdout)
    const run = spawnSync('mlr', ['-S', '--icsv', '--ojson', 'cat', file], { env: { PATH: PROGRAM_PATH } })
    const records = JSON.parse(run.stdout.toString()) as Record<string, unknown>[]
    const [names, ...all] = rows
    expect(records.map((record) => Object.values(record).map(String))).toEqual(all)
    expect(Object.keys(records[0]!)).toEqual(names)
  })
})
