import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { formatOfContent } from '../../src/load/content-format.ts'
import { contents, ended, errorText, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const key = (name: string): { mapping: { key: string } } => ({ mapping: { key: name } })

describe('the format of what begins so', () => {
  test.each<[string, object, string | undefined]>([
    ['{"key":"a","value":1}\n{"key"', {}, 'jsonl'],
    ['["a",1]\n', {}, 'jsonl'],
    ['\n\n{"id":1}\n', key('id'), 'jsonl'],
    ['{"id":1}', {}, 'jsonl'],
    ['[1,2]\n[3,4]\n', key('0'), 'jsonl'],
    // Arrays of records, and records over several lines.
    ['[{"key":"a"', {}, 'json'],
    ['[\n  {\n', {}, 'json'],
    ['[["a",1],\n["b",2]]', {}, 'json'],
    ['{\n "key": "a",\n "value": 1\n}\n{\n', {}, 'json'],
    ['{\n "id": 1\n}\n', key('id'), 'json'],
    ['{\n "id": 1,\n "na', key('id'), 'json'],
    ['\x1e{"key":"a","value":1}\n', {}, 'json'],
    // Perhaps a map, perhaps an answer of some server.
    ['{\n "a": 1,\n "b": 2\n}\n', {}, undefined],
    // Not all of the first line is there.
    ['{"key":"a","va', {}, undefined],
    ['{"id":1,"na', key('id'), undefined],
    // Not JSON.
    ['{"key":"a","value":x}\n', {}, undefined],
    ['{bad\n', {}, undefined],
    // Tables by what their header names.
    ['key,value\na,1\n', {}, 'csv'],
    ['\ufeffKey, Value ,ttl\r\n', {}, 'csv'],
    ['key\tvalue\n', {}, 'tsv'],
    ['key_hex,value\n', {}, 'csv'],
    ['id,name\n1,x\n', {}, undefined],
    ['id,name\n1,x\n', key('id'), 'csv'],
    ['id,name\n1,x\n', key('user:{id}:{name}'), 'csv'],
    ['id,name\n1,x\n', { mapping: { key: 'id', value: 'city' } }, undefined],
    ['id\tname, first\n', key('id'), 'tsv'],
    ['"first, last",id\n', key('first, last'), 'csv'],
    ['id\n1\n', key('id'), 'csv'],
    ['id;name\n', key('id'), undefined],
    ['sep=;\nid;name\n', key('id'), 'csv'],
    ['a,1\n', { columns: [] }, 'csv'],
    ['a\t1\n', { columns: [] }, 'tsv'],
    // Lines are never guessed.
    ['alpha\nbeta\n', {}, undefined],
    ['', {}, undefined],
    ['"not closed\n', key('id'), undefined],
  ])('%j, asked for %j: %s', (text, asked, format) => {
    expect(formatOfContent(Buffer.from(text), asked)).toBe(format)
  })

  test('bytes that are no text have none', () => {
    expect(formatOfContent(Buffer.from('key,value\na,\xe9\n', 'latin1'), {})).toBeUndefined()
    expect(formatOfContent(Buffer.from('key,value\na,é').subarray(0, -1), {})).toBe('csv')
  })
})

describe('kv batch-put without --format', () => {
  const ROWS = 'id,name\n1,Ada\n2,Bob\n'
  test.each<[string, string | Uint8Array, string[], [string, string][]]>([
    ['rows.txt', 'key,value\na,1\n', [], [['a', '1']]],
    ['rows', 'key\tvalue\na\t1\n', [], [['a', '1']]],
    ['rows.txt', '[{"key":"a","value":1}]', [], [['a', '1']]],
    [
      'rows.dat',
      ROWS,
      ['--key', 'id', '--value', 'name'],
      [
        ['1', 'Ada'],
        ['2', 'Bob'],
      ],
    ],
    [
      'rows.dat.gz',
      gzipSync(ROWS),
      ['--key', 'id', '--value', 'name'],
      [
        ['1', 'Ada'],
        ['2', 'Bob'],
      ],
    ],
    [
      'rows.txt',
      Buffer.from(`\ufeff${ROWS}`, 'utf16le'),
      ['--encoding', 'utf-16', '--key', 'id', '--value', 'name'],
      [
        ['1', 'Ada'],
        ['2', 'Bob'],
      ],
    ],
    ['rows.txt', 'a,1\n', ['--no-header'], [['a', '1']]],
    ['rows.txt', '{\n "id": 7\n}\n', ['--key', 'id', '--value', 'id'], [['7', '7']]],
  ])('a file %s with %j is read as what it is: %j', async (file, bytes, flags, entries) => {
    const cwd = tempDir()
    writeFileSync(join(cwd, file), bytes)
    for (const [args, input] of [
      [[file], ''],
      [[], bytes],
    ] as const) {
      const store = await givenStore()
      const { code } = await kv(['batch-put', ...flags, ...args], { store, cwd, input })
      expect([code, await contents(store)]).toEqual([0, entries])
    }
  })

  test('the name of a file wins over what is in it', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'rows.jsonl'), 'key,value\na,1\n')
    const { code, stderr } = await kv(['batch-put', 'rows.jsonl'], { store, cwd })
    expect([code, stderr]).toEqual([3, expect.stringContaining('kv batch-put --store')])
    expect(await contents(store)).toEqual([])
  })

  test('--no-header is refused for a file whose name says that it is no table', async () => {
    const cwd = tempDir()
    writeFileSync(join(cwd, 'rows.jsonl'), 'a,1\n')
    expectRun(await kv(['batch-put', '--no-header', 'rows.jsonl'], { store: await givenStore(), cwd }), {
      stderr: errorText(
        '--no-header is for CSV and TSV, and rows.jsonl is read as jsonl',
        'KV_USAGE',
        'if it is CSV, add --format csv',
      ),
      code: 2,
    })
  })

  test.each([
    ['hello\n', /^kv: stdin:1: /],
    ['{\n  "count": 2,\n  "items": []\n}\n', /^kv: stdin:1: /],
  ])('what could be something else is refused: %j', async (input, stderr) => {
    const store = await givenStore()
    expectRun(await kv(['batch-put'], { store, input }), { stderr, code: 3 })
    expect(await contents(store)).toEqual([])
  })

  test('a live pipe is told by its first chunk', async () => {
    const store = await givenStore()
    const child = startKv(['batch-put'], { store })
    const run = ended(child)
    child.stdin!.write('key,value\na,1\n')
    await expect.poll(() => contents(store), { timeout: 20_000 }).toHaveLength(1)
    child.stdin!.end('b,2\n')
    expectRun(await run, { stderr: /^2 put, / })
  })
})
