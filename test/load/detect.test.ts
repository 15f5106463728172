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
  test.each<[string, Uint8Array | string, InputFormat, string, string?]>([
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
      "it is UTF-16: iconv -f UTF-16 -t UTF-8 'my rows' | kv batch-put --format tsv",
    ],
    [
      'UTF-16 without a mark',
      utf16('["key","value"]\n'),
      'jsonl',
      "it is UTF-16: iconv -f UTF-16LE -t UTF-8 'my rows' | kv batch-put",
    ],
    [
      'UTF-16 of the other order',
      utf16('key,value\n').swap16(),
      'csv',
      "it is UTF-16: iconv -f UTF-16BE -t UTF-8 'my rows' | kv batch-put --format csv",
    ],
    [
      'UTF-16 with one record',
      utf16('\ufeff{"key":"a","value":1}\n'),
      'jsonl',
      "it is UTF-16: iconv -f UTF-16 -t UTF-8 'my rows' | kv batch-put",
    ],
    [
      'Latin-1',
      Buffer.from('key,value\ncaf\xe9,1\n', 'latin1'),
      'csv',
      "if it is Windows-1252 or Latin-1: iconv -f WINDOWS-1252 -t UTF-8 'my rows' | kv batch-put --format csv",
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
      "jq makes a key of a field, and a value of all: jq -c '[(.id | tostring), .]' 'my rows' | kv batch-put",
    ],
    [
      'an array of records without a key',
      '[{"a b":1}]',
      'json',
      `jq makes a key of a field, and a value of all: jq -c '.[] | [(."a b" | tostring), .]' 'my rows' | kv batch-put`,
    ],
    [
      'changes that kv watch prints',
      '{"type":"put","key":"a","value":"1"}\n',
      'jsonl',
      `these are changes, of which the puts are records: jq -c 'select(.type == "put") | del(.type)' 'my rows' | kv batch-put`,
    ],
    ['CSV', 'key,value\na,1\n', 'jsonl', "it looks like CSV: kv batch-put --format csv 'my rows'"],
    ['CSV in a .json', '1,2\n', 'json', "it looks like CSV: kv batch-put --format csv 'my rows'"],
    ['TSV', 'key\tvalue\na,b\t1\n', 'jsonl', "it looks like TSV: kv batch-put --format tsv 'my rows'"],
    ['tabs in CSV', 'key\tvalue\n', 'csv', "it looks like TSV: kv batch-put --format tsv 'my rows'"],
    ['commas in TSV', 'key,value\n', 'tsv', "it looks like CSV: kv batch-put --format csv 'my rows'"],
    [
      'JSON Lines in CSV',
      '{"key":"a","value":1}\n',
      'csv',
      "it looks like JSON: kv batch-put --format jsonl 'my rows'",
    ],
    [
      'semicolons',
      'key;value\na;1\n',
      'csv',
      "the separator seems to be ;: mlr --icsv --ocsv --ifs ';' cat 'my rows' | kv batch-put --format csv",
    ],
    [
      'sep=',
      'sep=;\nkey;value\n',
      'csv',
      "the separator seems to be ;: sed 1d 'my rows' | mlr --icsv --ocsv --ifs ';' cat | kv batch-put --format csv",
    ],
    [
      'no header',
      'a,1\n',
      'csv',
      "where the first line is a record: (echo key,value; cat 'my rows') | kv batch-put --format csv",
      'where the first line is a record: ... | (echo key,value; cat) | kv batch-put --format csv',
    ],
    [
      'other columns',
      'zip code,city,state\n',
      'csv',
      "two columns must be named key and value: mlr --icsv --ocsv cut -o -f 'zip code,city' then rename 'zip code,key,city,value' 'my rows' | kv batch-put --format csv",
    ],
    [
      'a column too many',
      'Key,note,value\n',
      'csv',
      "other columns must go: mlr --icsv --ocsv cut -f Key,value 'my rows' | kv batch-put --format csv",
    ],
    [
      'two columns of one name',
      'a,a,b\n',
      'csv',
      "two columns must be named key and value: mlr --icsv --ocsv label key,value then cut -o -f key,value 'my rows' | kv batch-put --format csv",
    ],
    [
      'a mark and no header',
      '\ufeffa,1\n',
      'csv',
      "where the first line is a record: (echo key,value; tail -c +4 'my rows') | kv batch-put --format csv",
      'where the first line is a record: ... | (echo key,value; tail -c +4) | kv batch-put --format csv',
    ],
    [
      'columns with commas in their names',
      '"a, b",c,d\n',
      'csv',
      "two columns must be named key and value: mlr --icsv --ocsv label key,value then cut -o -f key,value 'my rows' | kv batch-put --format csv",
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
    ['jsonl', 'hello\n'],
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
      'a program',
      'key;value\n',
      'csv',
      "gzip -dc 'my rows' | mlr --icsv --ocsv --ifs ';' cat | kv batch-put --format csv",
      "... | gzip -dc | mlr --icsv --ocsv --ifs ';' cat | kv batch-put --format csv",
    ],
    [
      'a filter',
      'key,value\ra,1\r',
      'csv',
      String.raw`gzip -dc 'my rows' | tr '\r' '\n' | kv batch-put --format csv`,
      String.raw`... | gzip -dc | tr '\r' '\n' | kv batch-put --format csv`,
    ],
    [
      'a line before it',
      'a,1\n',
      'csv',
      "(echo key,value; gzip -dc 'my rows') | kv batch-put --format csv",
      '... | gzip -dc | (echo key,value; cat) | kv batch-put --format csv',
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
    expect(command('a,1\n', 'csv')).toContain('cat ./-n)')
    expect(command('key;value\n', 'csv')).toContain(' cat ./-n |')
    expect(command('key,value\n', 'jsonl')).toContain(' ./-n')
  })
})

/** The hint's command, in a shell with the store that it would find by itself. */
describe('the command of a hint, pasted, reads the input', () => {
  test.each<[string, string, Uint8Array | string, [string, string][]]>([
    ['rows.txt', 'a CSV by another name', 'key,value\na,1\n', [['a', '1']]],
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
