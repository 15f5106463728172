import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contents, kv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { IS_HERE, type Program, hardText, run } from './programs.ts'

/** A table of texts. The first column has different texts that are not empty: the keys. */
interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Hundreds of rows for one run of a program; `not` is what it cannot say in this form. */
function tables(not = /^$./): fc.Arbitrary<Table> {
  const text = hardText.filter((candidate) => !not.test(candidate))
  // Blanks around a name of a column are not part of it, and no argument of a program has a NUL.
  const name = text.filter(
    (candidate) => /^[^\s\0\ufeff](.*[^\s\0\ufeff])?$/s.test(candidate) && !candidate.includes('\0'),
  )
  return fc.uniqueArray(name, { minLength: 2, maxLength: 5 }).chain((columns) =>
    fc.record({
      columns: fc.constant(columns),
      rows: fc.uniqueArray(
        fc.tuple(
          text.filter((key) => key !== ''),
          ...columns.slice(1).map(() => text),
        ),
        {
          minLength: 1,
          maxLength: 200,
          size: 'max',
          selector: ([key]) => key,
        },
      ),
    }),
  )
}

/** The record as compact JSON, its columns in their order, also where their names are numbers. */
function json(columns: readonly string[], row: readonly string[]): string {
  return `{${row.map((text, n) => `${JSON.stringify(columns[n])}:${JSON.stringify(text)}`).join()}}`
}

const asArray = ({ columns, rows }: Table): string => `[${rows.map((row) => json(columns, row)).join()}]`

/** A script of Python with the names of `columns` and lists of `rows`; it writes bytes with `out`. */
const python =
  (script: string) =>
  (table: Table): Buffer =>
    run(
      'python3',
      [
        '-c',
        `import csv, io, json, sys\ntable = json.load(sys.stdin)\ncolumns, rows = table['columns'], table['rows']
out = lambda text: sys.stdout.buffer.write(text.encode())\n${script}`,
      ],
      JSON.stringify(table),
    )

/** CSV by Python with these options of `csv.writer`. */
const csv = (options: string, lines = '[columns] + rows'): ((table: Table) => Buffer) =>
  python(`text = io.StringIO(newline='')\ncsv.writer(text, ${options}).writerows(${lines})\nout(text.getvalue())`)

/** JSON by Python: `text` is an expression. */
const dumps = (text: string): ((table: Table) => Buffer) =>
  python(`records = [dict(zip(columns, row)) for row in rows]\nout(${text})`)

const jq =
  (...args: readonly string[]) =>
  (table: Table): Buffer =>
    run('jq', args, asArray(table))

const miller =
  (...args: readonly string[]) =>
  (table: Table): Buffer =>
    run('mlr', ['--ijson', ...args, 'cat'], asArray(table))

const NUL = /\0/
/** Miller 6.6 takes a name such as `a.b` apart in JSON, and writes control characters as they are. */
const NOT_MILLER = /\.|[\0-\x07\v\x0e-\x1f]/

const WRITERS: readonly [
  name: string,
  program: Program,
  args: readonly string[] | ((table: Table) => readonly string[]),
  write: (table: Table) => Buffer,
  not?: RegExp,
][] = [
  ['csv.writer', 'python3', ['--format', 'csv'], csv('dialect="excel"')],
  ['csv.writer, semicolons', 'python3', ['--delimiter', ';'], csv('delimiter=";"')],
  ['csv.writer, tabs', 'python3', ['--delimiter', 'tab'], csv('dialect="excel-tab"')],
  [
    'csv.writer, bars and single quotes',
    'python3',
    ['--delimiter', '|', '--quote', "'"],
    csv(`delimiter="|", quotechar="'"`),
  ],
  ['csv.writer, all quoted', 'python3', ['--format', 'csv'], csv('dialect="unix"')],
  [
    'csv.writer, nothing quoted',
    'python3',
    ['--delimiter', ';', '--quote', ''],
    csv('delimiter=";", quoting=csv.QUOTE_NONE, quotechar=None'),
    /[;\r\n]/,
  ],
  [
    'csv.writer, no header',
    'python3',
    ({ columns }) => [
      '--format',
      'csv',
      '--no-header',
      '--fields',
      columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(),
    ],
    csv('dialect="excel"', 'rows'),
  ],
  ['mlr --ocsv', 'mlr', ['--format', 'csv'], miller('--ocsv'), NOT_MILLER],
  ['mlr --otsv', 'mlr', ['--format', 'tsv'], miller('--otsv'), /\.|\r$|[\0-\x07\v\x0e-\x1f]/],
  ['jq @csv', 'jq', ['--format', 'csv'], jq('-r', '(.[0] | keys_unsorted | @csv), (.[] | [.[]] | @csv)'), NUL],
  ['jq @tsv', 'jq', ['--format', 'tsv'], jq('-r', '(.[0] | keys_unsorted | @tsv), (.[] | [.[]] | @tsv)'), NUL],
  ['jq -c .[]', 'jq', [], jq('-c', '.[]')],
  ['jq .[]', 'jq', ['--format', 'json'], jq('.[]')],
  ['jq --seq .[]', 'jq', ['--format', 'json'], (table) => run('jq', ['--seq', '.[]'], `\u001e${asArray(table)}\n`)],
  ['jq .', 'jq', ['--format', 'json'], jq('.')],
  [
    'jq, an array under a field',
    'jq',
    ['--format', 'json', '--at', 'data.items'],
    jq('{count: length, data: {items: ., next: null}}'),
  ],
  ['json.dumps', 'python3', ['--format', 'json'], dumps('json.dumps(records)')],
  [
    'json.dumps, indented, not ASCII alone',
    'python3',
    ['--format', 'json'],
    dumps('json.dumps(records, indent=1, ensure_ascii=False)'),
  ],
  ['json.dumps a line', 'python3', [], dumps('"\\n".join(map(json.dumps, records))')],
]

describe('records that other programs write are loaded as they lie', () => {
  for (const [name, program, args, write, not] of WRITERS) {
    test.skipIf(!IS_HERE[program])(name, async () => {
      await fc.assert(
        fc.asyncProperty(tables(not), async (table) => {
          const [key, other] = table.columns.map((column) => `{${JSON.stringify(column)}}`)
          const form = ['batch-put', '--no-sync', ...(typeof args === 'function' ? args(table) : args), '--key', key!]
          const input = write(table)
          const load = async (...more: string[]): Promise<[string, string][]> => {
            const store = join(tempDir(), 'test.kv')
            const { code, stderr } = await kv([...form, ...more], { store, input })
            expect({ code, stderr }).toEqual({
              code: 0,
              stderr: expect.stringContaining(`${table.rows.length} put, 0 skipped`),
            })
            return contents(store)
          }
          const sorted = table.rows.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a!), Buffer.from(b!)))
          const whole = await load()
          expect(whole.map(([stored]) => stored)).toEqual(sorted.map(([first]) => first))
          expect(whole.map(([, value]) => JSON.parse(value) as unknown)).toEqual(
            sorted.map((row) => JSON.parse(json(table.columns, row)) as unknown),
          )
          // JSON is kept as it was written; rows of CSV and TSV become JSON without blanks.
          if (!/^[\s\x1e]*[{[]/.test(input.toString()))
            expect(whole.map(([, value]) => value)).toEqual(sorted.map((row) => json(table.columns, row)))
          expect(await load('--value', other!)).toEqual(sorted.map(([first, second]) => [first, second]))
        }),
        { numRuns: 2 },
      )
    })
  }
})
