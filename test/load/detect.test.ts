import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { InputFormat } from '../../src/formats/parsers.ts'
import { diagnose } from '../../src/load/detect.ts'
import { contents, givenStore, kv, shell } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const FILE = { file: 'my rows', store: undefined }
const PIPE = { file: undefined, store: undefined }
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')
const sqlite = (mark: string): Buffer =>
  Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(52), Buffer.from(mark)])

describe('what an input looks like', () => {
  test.each<[string, Uint8Array | string, InputFormat, string | undefined, string?]>([
    [
      'xz',
      Buffer.from('fd377a585a0000', 'hex'),
      'csv',
      "it is packed with xz: xz -dc 'my rows' | kv batch-put --format csv",
      'it is packed with xz: ... | xz -dc | kv batch-put --format csv',
    ],
    ['bzip2', 'BZh91AY', 'jsonl', "it is packed with bzip2: bzip2 -dc 'my rows' | kv batch-put"],
    [
      'zip',
      'PK\x03\x04',
      'jsonl',
      "it is packed with zip: unzip -p 'my rows' | kv batch-put",
      'it is packed with zip: ... | funzip | kv batch-put',
    ],
    [
      'a store of kv',
      sqlite('kvf1'),
      'jsonl',
      "it is a store of kv: kv --store 'my rows' range | kv batch-put",
      'it is a SQLite database, no file of records',
    ],
    ['another database', sqlite('\0\0\0\0'), 'jsonl', 'it is a SQLite database, no file of records'],
    [
      'UTF-16 with a mark, tabs',
      utf16('\ufeffkey\tvalue\r\n'),
      'jsonl',
      "it is UTF-16: kv batch-put --encoding utf-16 --format tsv 'my rows'",
    ],
    [
      'UTF-16 without a mark',
      utf16('["key","value"]\n'),
      'jsonl',
      "it is UTF-16: kv batch-put --encoding utf-16 'my rows'",
    ],
    [
      'UTF-16 of the other order',
      utf16('key,value\n').swap16(),
      'csv',
      "it is UTF-16: kv batch-put --encoding utf-16be --format csv 'my rows'",
    ],
    [
      'UTF-16 with one record',
      utf16('\ufeff{"key":"a","value":1}\n'),
      'jsonl',
      "it is UTF-16: kv batch-put --encoding utf-16 'my rows'",
    ],
    [
      'Latin-1',
      Buffer.from('key,value\ncaf\xe9,1\n', 'latin1'),
      'csv',
      "if it is Windows-1252 or Latin-1: kv batch-put --encoding latin1 --format csv 'my rows'",
    ],
    ['zeros', new Uint8Array(100), 'jsonl', 'it begins with zero bytes, as no text does'],
    [
      'lines that end in CR',
      'key,value\ra,1\r',
      'csv',
      String.raw`its lines end in CR alone: tr '\r' '\n' < 'my rows' | kv batch-put --format csv`,
      String.raw`its lines end in CR alone: ... | tr '\r' '\n' | kv batch-put --format csv`,
    ],
    [
      'a pretty object',
      '{\n  "a": 1\n}\n',
      'jsonl',
      "it looks like one JSON document: kv batch-put --format json 'my rows'",
      'it looks like one JSON document: kv batch-put --format json',
    ],
    [
      'pretty records',
      '{\n  "key": "a",\n  "value": 1\n}\n{\n',
      'jsonl',
      "it looks like one JSON document: kv batch-put --format json 'my rows'",
    ],
    [
      'an array of records',
      '[{"key":"a","value":1},{"key":"b","value":2}]',
      'jsonl',
      "it looks like one JSON document: kv batch-put --format json 'my rows'",
    ],
    [
      'an array of pairs over lines',
      '[\n["a",1],\n["b",2]\n]',
      'jsonl',
      "it looks like one JSON document: kv batch-put --format json 'my rows'",
    ],
    [
      'records without a key',
      '{"id":1,"name":"x"}\n{"id":2}\n',
      'jsonl',
      "a field can be the key: kv batch-put --key id 'my rows'",
    ],
    [
      'an array of records without a key',
      '[{"a b":1}]',
      'json',
      "a field can be the key: kv batch-put --format json --key 'a b' 'my rows'",
    ],
    [
      'one object with an array of records, on a line',
      '{"count":2,"items":[{"name":"x","id":1}]}\n',
      'jsonl',
      `its records seem to be in the field "items": kv batch-put --at items --key id 'my rows'`,
    ],
    [
      'one object with an array of entries',
      '{\n"next":null,"a.b":[{"key":"x","value":1}]}',
      'json',
      `its records seem to be in the field "a.b": kv batch-put --at '"a.b"' 'my rows'`,
    ],
    ['CSV', 'key,value\na,1\n', 'jsonl', "it looks like CSV: kv batch-put --format csv 'my rows'"],
    ['CSV in a .json', '1,2\n', 'json', "it looks like CSV: kv batch-put --format csv --no-header 'my rows'"],
    [
      'one document after another, over several lines',
      '{\n"cca2": "AW"\n}\n{\n"cca2": "AF"\n}\n',
      'json',
      "a field can be the key: kv batch-put --format json --key cca2 'my rows'",
    ],
    [
      'CSV of which the first column is the same in all records',
      'kind,no,name\na,1,x\na,2,x\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key no 'my rows'",
    ],
    [
      'semicolons in text of no known name',
      'id;name;x\n1;b;c\n',
      'jsonl',
      "the separator seems to be ;: kv batch-put --format csv --delimiter ';' --key id 'my rows'",
    ],
    ['semicolons in some lines', '(a;b)\nc\n', 'jsonl', undefined],
    [
      'CSV with other columns',
      'id,name\n1,x\n',
      'jsonl',
      "it looks like CSV: kv batch-put --format csv --key id --value name 'my rows'",
    ],
    ['TSV', 'key\tvalue\na,b\t1\n', 'jsonl', "it looks like TSV: kv batch-put --format tsv 'my rows'"],
    ['tabs in CSV', 'key\tvalue\n', 'csv', "it looks like TSV: kv batch-put --format tsv 'my rows'"],
    ['commas in TSV', 'key,value\n', 'tsv', "it looks like CSV: kv batch-put --format csv 'my rows'"],
    [
      'JSON Lines in CSV',
      '{"key":"a","value":1}\n',
      'csv',
      "it looks like JSON: kv batch-put --format jsonl 'my rows'",
    ],
    ['semicolons', 'key;value\na;1\n', 'csv', "the separator seems to be ;: kv batch-put --delimiter ';' 'my rows'"],
    [
      'semicolons, other columns',
      'id;name;city\n1;x;y\n',
      'tsv',
      "the separator seems to be ;: kv batch-put --format csv --delimiter ';' --key id 'my rows'",
    ],
    [
      'sep=, other columns',
      'sep=;\r\nid;name\r\n1;x\r\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key id --value name 'my rows'",
    ],
    [
      'tabs and commas',
      'id\tname, first\n',
      'jsonl',
      "it looks like TSV: kv batch-put --format tsv --key id --value 'name, first' 'my rows'",
    ],
    [
      'no header',
      'a,1\n',
      'csv',
      "where the first line is a record: kv batch-put --format csv --no-header 'my rows'",
      'where the first line is a record: kv batch-put --format csv --no-header',
    ],
    [
      'other columns',
      'zip code,city,state\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key 'zip code' 'my rows'",
    ],
    [
      'a column too many',
      'Key,note,value\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key Key --value value 'my rows'",
    ],
    [
      'columns of one name',
      'a,a,id,name\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key id --value name 'my rows'",
    ],
    ['a name that would be a template', '"{a}",b\n', 'csv', undefined],
    [
      'a mark and no header',
      '\ufeffa,1\n',
      'csv',
      "where the first line is a record: kv batch-put --format csv --no-header 'my rows'",
      'where the first line is a record: kv batch-put --format csv --no-header',
    ],
    [
      'columns with commas in their names',
      '"a, b",c,d\n',
      'csv',
      "columns are chosen by their names: kv batch-put --format csv --key 'a, b' 'my rows'",
    ],
    [
      'one column with a comma in its name',
      '"a, b"\n',
      'csv',
      'the first line must be key,value, perhaps with ttl or expires',
    ],
    ['one column', 'key\n', 'csv', 'the first line must be key,value, perhaps with ttl or expires'],
  ])('%s', (_, head, format, fromFile, fromPipe) => {
    const bytes = Buffer.from(head as string)
    expect(diagnose(bytes, format, FILE)).toBe(fromFile)
    if (fromPipe !== undefined) expect(diagnose(bytes, format, PIPE)).toBe(fromPipe)
  })

  test.each<[InputFormat, string]>([
    ['jsonl', '{"key":"a","value":x}\n'],
    ['jsonl', '{bad\n'],
    ['jsonl', '["",1]\n'],
    ['jsonl', '{"a\\x":1}\n'],
    ['jsonl', '{"a\\u12":1}\n'],
    ['jsonl', '{"a\tb":1}\n'],
    ['json', '[{"a\\x":1}]\n'],
    ['jsonl', `{"${'a'.repeat(200)}":1}\n`],
    ['jsonl', 'hel;lo\n'],
    ['json', '{"a":1,"b"\n'],
    ['csv', 'key,value\na\n'],
    ['tsv', 'value\tkey\tttl\na\n'],
    ['json', '[["a",1],["b"]]'],
  ])('%s like %j looks like nothing else', (format, text) => {
    expect(diagnose(Buffer.from(text), format, FILE)).toBeUndefined()
  })
})

describe('the command of a hint', () => {
  const gzip = { unpack: 'gzip -dc', store: undefined }
  test.each<[string, string, InputFormat, string, string]>([
    [
      'a filter',
      'key,value\ra,1\r',
      'csv',
      String.raw`gzip -dc 'my rows' | tr '\r' '\n' | kv batch-put --format csv`,
      String.raw`... | gzip -dc | tr '\r' '\n' | kv batch-put --format csv`,
    ],
    [
      'a program that takes files alone',
      'PK\x03\x04',
      'jsonl',
      "gzip -dc 'my rows' | funzip | kv batch-put",
      '... | gzip -dc | funzip | kv batch-put',
    ],
    ['another form', 'key,value\n', 'jsonl', "kv batch-put --format csv 'my rows'", 'kv batch-put --format csv'],
  ])('unpacks what is packed first: %s', (_, head, format, fromFile, fromPipe) => {
    expect(diagnose(Buffer.from(head), format, { ...gzip, file: 'my rows' })?.replace(/^[^:]*: /, '')).toBe(fromFile)
    expect(diagnose(Buffer.from(head), format, { ...gzip, file: undefined })?.replace(/^[^:]*: /, '')).toBe(fromPipe)
  })

  test('names a file so that no program takes it for an option', () => {
    const command = (head: string, format: InputFormat): string =>
      diagnose(Buffer.from(head), format, { file: '-n', store: undefined })!
    expect(command('a,1\n', 'csv')).toContain(' --no-header ./-n')
    expect(command('key,value\ra,1\r', 'csv')).toContain(' < ./-n |')
    expect(command('key,value\n', 'jsonl')).toContain(' ./-n')
  })
})

/** The hint's command, in a shell with the store that it would find by itself. */
describe('the command of a hint, pasted, reads the input', () => {
  test.each<[string, string, Uint8Array | string, [string, string][]]>([
    ['rows.json', 'a CSV by another name', 'key,value\na,1\n', [['a', '1']]],
    ['rows.txt', 'a CSV with other columns', 'id,name\n1,x\n', [['1', 'x']]],
    ['rows.csv', 'three columns', 'zip code,"a, b",c\n1,x,y\n', [['1', '{"zip code":"1","a, b":"x","c":"y"}']]],
    ['half.csv', 'semicolons', 'id;name\n1;x\n', [['1', 'x']]],
    ['half.tsv', 'semicolons in a TSV', 'key;value\n1;x\n', [['1', 'x']]],
    ['sep.csv', 'sep=', 'sep=|\nid|name\n1|x\n', [['1', 'x']]],
    ['wide.tsv', 'no header', '1\tx\ty\n', [['1', '{"1":"1","2":"x","3":"y"}']]],
    ['people.jsonl', 'other fields', '{"name":"x","id":7}\n', [['7', '{"name":"x","id":7}']]],
    ['people.json', 'an array of other records', '[{"a b":1}]', [['1', '{"a b":1}']]],
    ['-answer.jsonl', 'records within an object', '{"n":1,"a.b":[{"id":7}]}\n', [['7', '{"id":7}']]],
    ['be.jsonl', 'UTF-16 of the other order', utf16('["a","é"]\n').swap16(), [['a', 'é']]],
    [
      'words.txt',
      'lines of text',
      'to be\nor not\n',
      [
        ['or not', ''],
        ['to be', ''],
      ],
    ],
    ['notes.csv', 'comments', '# of two\n# lines\nkey,value\na,1\n', [['a', '1']]],
    ['rows.jsonl', 'a pretty document', '{\n  "a": "1"\n}\n', [['a', '1']]],
    ['excel rows.txt', 'UTF-16', utf16('\ufeffkey\tvalue\r\na\té\r\n'), [['a', 'é']]],
    ['latin.csv', 'Latin-1', Buffer.from('key,value\na,\xe9\n', 'latin1'), [['a', 'é']]],
    ['mac.csv', 'CR', 'key,value\ra,1\r', [['a', '1']]],
    [
      '-bare.csv.gz',
      'no header, packed',
      gzipSync('a,1\nb,2\n'),
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['-latin.csv.gz', 'Latin-1, packed', gzipSync(Buffer.from('key,value\na,\xe9\n', 'latin1')), [['a', 'é']]],
    ['mark.csv.gz', 'no header, a mark, packed', gzipSync('\ufeffa,1\n'), [['a', '1']]],
    ['mark.csv', 'no header, a mark', '\ufeffa,1\n', [['a', '1']]],
    [
      'bare.csv',
      'no header',
      'a,1\nb,2\n',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
  ])('%s: %s', async (file, _, bytes, leaves) => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, file), bytes)
    const { stderr, code } = await kv(['batch-put', '--', file], { env: { KV_STORE: store }, cwd })
    expect(code).toBe(3)
    const [, command] = /\nhint: [^:]*: (.*)\n$/.exec(stderr)!
    expect((await shell(command!, { store, cwd })).code).toBe(0)
    expect(await contents(store)).toEqual(leaves)
  })
})

test('rows that leave out their last fields are filled by Miller', async () => {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'short.csv'), 'id,name,note\n007,x,\n8,y\n')
  const store = await givenStore()
  const { stderr } = await kv(['batch-put', '--key', 'id', 'short.csv'], { store, cwd })
  expect(stderr).toMatch(
    /^kv: short\.csv:3: 2 fields where the header has 3; .*\nhint: where rows leave out their last fields: mlr -S --icsv --ojsonl --allow-ragged-csv-input cat short\.csv \| kv batch-put .*--key id\n$/,
  )
  const { stderr: longer } = await kv(['batch-put', '--key', 'id'], { store, input: 'id,name\n1,x,y\n' })
  expect(longer).not.toContain('mlr')
})

describe('a hint goes on from the options that were given', () => {
  test.each<[string, string | Uint8Array, string[], string]>([
    [
      'rows.csv',
      'id;name\n1;x\n',
      ['--key', 'id', '--prefix', 'o p:'],
      "the separator seems to be ;: kv batch-put --key id --prefix 'o p:' --delimiter ';' rows.csv",
    ],
    [
      'rows.csv',
      Buffer.from('id,n\n1,\xe9\n', 'latin1'),
      ['--key', '{id}', '--ttl', '1h'],
      "if it is Windows-1252 or Latin-1: kv batch-put --key '{id}' --ttl 1h --encoding latin1 rows.csv",
    ],
    [
      'rows.jsonl',
      '{"n":1,"items":[{"id":1}]}\n',
      ['--key', 'id', '--if-absent'],
      'its records seem to be in the field "items": kv batch-put --key id --if-absent --at items rows.jsonl',
    ],
    [
      'rows.json',
      '{"data":{"items":[{"id":1}]}}',
      ['--key', 'id'],
      'its records seem to be in the field data.items: kv batch-put --key id --at data.items rows.json',
    ],
    [
      'rows.json',
      '{"data":{"items":[{"id":1}]}}',
      ['--key', 'id', '--at', 'data.itms'],
      'its records seem to be in the field data.items: kv batch-put --key id --at data.items rows.json',
    ],
    [
      'rows.csv',
      'name,id\nx,1\n',
      ['--value', 'name'],
      'columns are chosen by their names: kv batch-put --value name --key id rows.csv',
    ],
    ['rows', 'a\nb\n', ['--key', 'line'], 'if each line is a key: kv batch-put --key line --lines rows'],
    ['rows.csv', 'key,value\na,1\n', ['--at', 'x'], 'it looks like CSV: kv batch-put --format csv rows.csv'],
    [
      'rows.jsonl',
      '{"key":"a","value":1}\n',
      ['--delimiter', ';'],
      'it looks like JSON: kv batch-put --format jsonl rows.jsonl',
    ],
    [
      'rows.csv',
      'id,n\r1,2\r',
      ['--key', 'id'],
      String.raw`its lines end in CR alone: tr '\r' '\n' < rows.csv | kv batch-put --key id --format csv`,
    ],
    ['rows.jsonl', '{"id":1,"name":"x"}\n', ['--key', 'idd'], 'its fields are id, name'],
    [
      'rows.csv',
      'id,name\n1,x\n',
      ['--prefix', 'p:'],
      'columns are chosen by their names: kv batch-put --prefix p: --key id --value name rows.csv',
    ],
  ])('%s, %j, %j', async (file, bytes, flags, hint) => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, file), bytes)
    const { stderr, code } = await kv(['batch-put', ...flags, file], { env: { KV_STORE: store }, cwd })
    expect([code, /\nhint: (.*)\n$/.exec(stderr)?.[1]]).toEqual([3, hint])
    const command = /: ((?:kv|tr) .*)$/.exec(hint)?.[1]
    if (command !== undefined) expect((await shell(command, { store, cwd })).code).toBe(0)
  })
})
