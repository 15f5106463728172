import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contents, kv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { IS_HERE, type Program, hardText, run } from './programs.ts'

/** Key and value. */
type Row = [key: string, value: string]

interface Limits {
  /** Texts that a program cannot say in this form. */
  readonly not?: RegExp
}

/** Hundreds of rows with different keys that are not empty, for one run of a program. */
function rows({ not }: Limits = {}): fc.Arbitrary<Row[]> {
  const text = hardText.filter((candidate) => not === undefined || !not.test(candidate))
  return fc.uniqueArray(
    fc.tuple(
      text.filter((key) => key !== ''),
      text,
    ),
    { minLength: 1, maxLength: 400, size: 'max', selector: ([key]) => key },
  )
}

function sorted(all: readonly Row[]): Row[] {
  return all.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** A script of Python that has `rows`, a list of pairs; it writes bytes with `out`. */
const python =
  (script: string) =>
  (all: readonly Row[]): Buffer =>
    run('python3', ['-c', `${PYTHON}rows = json.load(sys.stdin)\nout = sys.stdout.buffer.write\n${script}`], json(all))

const PYTHON = 'import csv, io, json, sys\n'

const json = (all: readonly unknown[]): string => JSON.stringify(all)

/** Objects with the fields key and value. */
const objects = (all: readonly Row[]): { key: string; value: string }[] => all.map(([key, value]) => ({ key, value }))

const jq =
  (...args: readonly string[]) =>
  (all: readonly Row[]): Buffer =>
    run('jq', args, json(objects(all)))

/** Miller reads JSON and writes another form. */
const miller =
  (...args: readonly string[]) =>
  (all: readonly Row[]): Buffer =>
    run('mlr', ['--ijson', ...args, 'cat'], json(objects(all)))

/** CSV by Python with these options of `csv.writer`. */
const pythonCsv = (options: string): ((all: readonly Row[]) => Buffer) =>
  python(`
text = io.StringIO(newline='')
writer = csv.writer(text, ${options})
writer.writerow(['key', 'value'])
writer.writerows(rows)
out(text.getvalue().encode())`)

/** JSON by Python: `value` is an expression. */
const pythonJson = (value: string): ((all: readonly Row[]) => Buffer) => python(`out((${value}).encode())`)

const sqliteCsv =
  (...modes: readonly string[]) =>
  (all: readonly Row[]): Buffer => {
    const values = all.map(
      (row) => `(${row.map((text) => `CAST(x'${Buffer.from(text).toString('hex')}' AS TEXT)`).join()})`,
    )
    const script = `CREATE TABLE t(key, value);\nINSERT INTO t VALUES\n${values.join(',\n')};\n${modes.join('\n')}\nSELECT * FROM t;\n`
    return run('sqlite3', ['-batch', ':memory:'], script)
  }

const HAS_NUL = { not: /\0/ }
/** Miller reads a CRLF inside quotes as LF. */
const HAS_CRLF = { not: /\r\n/ }
/** Where lines end in LF, a carriage return at the end of a line that is not quoted belongs to the line's end. */
const ENDS_IN_CR = { not: /\r$/ }
/** Miller 6.6 writes these into JSON as they are, which makes it invalid. */
const CONTROLS = { not: /[\0-\x07\v\x0e-\x1f]/ }

/** Name, what it needs, the form for `--format`, how it writes rows, what it cannot say. */
const WRITERS: readonly [name: string, program: Program, form: string, write: (all: Row[]) => Buffer, Limits?][] = [
  ['csv.writer', 'python3', 'csv', pythonCsv('dialect="excel"')],
  ['csv.writer with LF', 'python3', 'csv', pythonCsv('lineterminator="\\n"'), ENDS_IN_CR],
  ['csv.writer, all quoted', 'python3', 'csv', pythonCsv('dialect="unix"')],
  ['csv.writer, texts quoted', 'python3', 'csv', pythonCsv('quoting=csv.QUOTE_NONNUMERIC')],
  ['csv.writer after a BOM', 'python3', 'csv', (all) => Buffer.concat([BOM, pythonCsv('dialect="excel"')(all)])],
  ['mlr --ocsv', 'mlr', 'csv', miller('--ocsv')],
  ['mlr --ocsv --quote-all', 'mlr', 'csv', miller('--ocsv', '--quote-all')],
  ['jq @csv', 'jq', 'csv', jq('-r', '["key","value"], (.[] | [.key, .value]) | @csv'), HAS_NUL],
  ['sqlite3 .mode csv', 'sqlite3', 'csv', sqliteCsv('.mode csv', '.headers on'), HAS_NUL],
  ['mlr --otsv', 'mlr', 'tsv', miller('--otsv'), ENDS_IN_CR],
  ['jq @tsv', 'jq', 'tsv', jq('-r', '["key","value"], (.[] | [.key, .value]) | @tsv'), HAS_NUL],
  ['jq -c .[]', 'jq', 'jsonl', jq('-c', '.[]')],
  ['jq -ac .[]', 'jq', 'jsonl', jq('-ac', '.[]')],
  ['jq', 'jq', 'json', jq('.')],
  ['jq --tab', 'jq', 'json', jq('--tab', '.')],
  ['jq: one object', 'jq', 'json', jq('[.[] | {(.key): .value}] | add')],
  ['mlr --ojson', 'mlr', 'json', miller('--ojson'), CONTROLS],
  ['mlr --ojsonl', 'mlr', 'jsonl', miller('--ojsonl'), CONTROLS],
  ['json.dumps', 'python3', 'json', pythonJson('json.dumps(rows)')],
  ['json.dumps, not ASCII alone', 'python3', 'json', pythonJson('json.dumps(rows, ensure_ascii=False)')],
  ['json.dumps, indented', 'python3', 'json', pythonJson('json.dumps(dict(rows), indent=2)')],
  ['json.dumps, compact', 'python3', 'json', pythonJson('json.dumps(dict(rows), separators=(",", ":"))')],
  ['json.dumps a line', 'python3', 'jsonl', pythonJson('"\\n".join(json.dumps(row) for row in rows)')],
]

const BOM = Buffer.from('\ufeff')

/** Name, what it needs, the form it reads, how. */
const READERS: readonly [name: string, program: Program, form: string, read: (bytes: Buffer) => Row[], Limits?][] = [
  ['csv.reader, strict', 'python3', 'csv', pythonReads('csv.reader(text(), strict=True)')],
  ['mlr --icsv', 'mlr', 'csv', millerReads('--icsv'), HAS_CRLF],
  ['sqlite3 .import', 'sqlite3', 'csv', sqliteReads, HAS_NUL],
  ['mlr --itsv', 'mlr', 'tsv', millerReads('--itsv')],
  ['a line, split at tabs', 'python3', 'tsv', pythonReads('map(fields, data.decode()[:-1].split("\\n"))')],
  ['json.loads a line', 'python3', 'jsonl', pythonReadsJson('map(json.loads, data.decode()[:-1].split("\\n"))')],
  ['jq -s', 'jq', 'jsonl', (bytes) => pairs(run('jq', ['-s', '.'], bytes))],
  ['mlr --ijsonl', 'mlr', 'jsonl', millerReads('--ijsonl')],
  ['json.load', 'python3', 'json', pythonReadsJson('json.loads(data)')],
  ['jq', 'jq', 'json', (bytes) => pairs(run('jq', ['.'], bytes))],
  ['mlr --ijson', 'mlr', 'json', millerReads('--ijson')],
]

/** Rows from a JSON array of objects with the fields key and value. */
function pairs(bytes: Buffer): Row[] {
  return (JSON.parse(bytes.toString()) as { key: string; value: string }[]).map(({ key, value }) => [key, value])
}

/** `list` is an expression of Python for lists, the header first. */
function pythonReads(list: string): (bytes: Buffer) => Row[] {
  const script = `${PYTHON}
data = sys.stdin.buffer.read()
text = lambda: io.StringIO(data.decode(), newline='')
def unescape(field):
    out, i = '', 0
    while i < len(field):
        if field[i] == '\\\\':
            out += {'t': '\\t', 'n': '\\n', 'r': '\\r', '\\\\': '\\\\'}[field[i + 1]]
            i += 2
        else:
            out += field[i]
            i += 1
    return out
fields = lambda line: [unescape(field) for field in line.split('\\t')]
json.dump(list(${list}), sys.stdout)`
  return (bytes) => {
    const [header, ...all] = JSON.parse(run('python3', ['-c', script], bytes).toString()) as Row[]
    expect(header).toEqual(['key', 'value'])
    return all
  }
}

/** `list` is an expression of Python for objects. */
function pythonReadsJson(list: string): (bytes: Buffer) => Row[] {
  const script = `${PYTHON}data = sys.stdin.buffer.read()\njson.dump(list(${list}), sys.stdout)`
  return (bytes) => pairs(run('python3', ['-c', script], bytes))
}

/** `-S`: every field is a text. */
function millerReads(form: string): (bytes: Buffer) => Row[] {
  return (bytes) => pairs(withEscapes(run('mlr', [form, '--ojson', '-S', 'cat'], bytes)))
}

/** The JSON of Miller 6.6 as it should be: with its control characters escaped. */
function withEscapes(output: Buffer): Buffer {
  const escape = (control: string): string => `\\u00${control.charCodeAt(0).toString(16).padStart(2, '0')}`
  return Buffer.from(output.toString().replaceAll(/[\0-\t\v-\x1f]/g, escape))
}

function sqliteReads(bytes: Buffer): Row[] {
  const file = join(tempDir(), 'rows.csv')
  writeFileSync(file, bytes)
  const script = `.import --csv '${file}' t\nSELECT json_group_array(json_object('key', key, 'value', value)) FROM t;\n`
  return pairs(run('sqlite3', ['-batch', ':memory:'], script))
}

describe('what other programs write is loaded as it was', () => {
  for (const [name, program, form, write, limits] of WRITERS) {
    test.skipIf(!IS_HERE[program])(`${form}: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(rows(limits), async (all) => {
          const store = join(tempDir(), 'test.kv')
          const { code, stderr } = await kv(['batch-put', '--no-sync', '--format', form], { store, input: write(all) })
          expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`${all.length} put, 0 skipped`) })
          expect(await contents(store)).toEqual(sorted(all))
        }),
        { numRuns: 2 },
      )
    })
  }
})

describe('what kv range writes is read by other programs as it was', () => {
  for (const [name, program, form, read, limits] of READERS) {
    test.skipIf(!IS_HERE[program])(`${form}: ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(rows(limits), async (all) => {
          const store = join(tempDir(), 'test.kv')
          await kv(['batch-put', '--no-sync'], { store, input: all.map((row) => JSON.stringify(row)).join('\n') })
          const { stdout } = await kv(['range', '--format', form], { store })
          expect(read(stdout)).toEqual(sorted(all))
        }),
        { numRuns: 2 },
      )
    })
  }
})
