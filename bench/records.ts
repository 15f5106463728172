/** Records for the benchmarks: the same ones in every run and on every machine. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Random } from '../src/bench/random/random.ts'
import type { Store } from '../src/index.ts'

const LETTERS = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 'latin1')
const KEY_BYTES = 16
const VALUE_BYTES = 100

/** Bytes of a record as JSON Lines. */
export const RECORD_BYTES = 138

/** Bytes written at a time. */
const CHUNK = 1 << 20

/** A record's value in a JSON object, which has commas and quotes to be escaped. */
const object = (value: string): string => `{"id":"${value.slice(0, 20)}","text":"${value.slice(20)}","tags":["a","b"]}`

/** How a record is written in each kind of input. No letter of a record itself needs escaping in any of them. */
const WRITERS = {
  jsonl: (key: string, value: string) => `{"key":"${key}","value":"${value}"}\n`,
  // As long as the value, and its first two fields together as the key.
  fields: (key: string, value: string) =>
    `{"a":"${key.slice(0, 8)}","b":"${key.slice(9)}","text":"${value.slice(0, 60)}"}\n`,
  csv: (key: string, value: string) => `${key},${value}\n`,
  tsv: (key: string, value: string) => `${key}\t${value}\n`,
  objectsJsonl: (key: string, value: string) => `{"key":"${key}","value":${JSON.stringify(object(value))}}\n`,
  objectsCsv: (key: string, value: string) => `${key},"${object(value).replaceAll('"', '""')}"\n`,
  objectsTsv: (key: string, value: string) => `${key}\t${object(value)}\n`,
  ldb: (key: string, value: string) => `${key} ==> ${value}\n`,
  // The protocol of Redis: an array of three strings, each with its length.
  resp: (key: string, value: string) =>
    `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
}

/** What stands before the first record. */
const HEADERS: { readonly [kind in keyof typeof WRITERS]?: string } = {
  csv: 'key,value\n',
  tsv: 'key\tvalue\n',
  objectsCsv: 'key,value\n',
  objectsTsv: 'key\tvalue\n',
}

/** The first `count` records of a seed: 16 and 100 letters and digits, keys in random order. */
export function* records(count: number, seed = 42): Generator<[key: string, value: string], undefined, void> {
  const random = new Random(seed)
  // Written into a buffer: a string made by appending is a chain of pieces, and whoever reads it first would pay for
  // joining them.
  const bytes = Buffer.alloc(Math.max(KEY_BYTES, VALUE_BYTES))
  const text = (length: number): string => {
    for (let n = 0; n < length; n++) bytes[n] = LETTERS[random.uint32() % LETTERS.length]!
    return bytes.toString('latin1', 0, length)
  }
  for (let n = 0; n < count; n++) yield [text(KEY_BYTES), text(VALUE_BYTES)]
}

/** Records of a seed without an end, one at a time. */
export function endless(seed: number): () => [key: string, value: string] {
  const all = records(Infinity, seed)
  return () => all.next().value!
}

/** Puts the first `count` records into a store, in batches of `size`. */
export async function fill(store: Store, count: number, size: number): Promise<void> {
  let ops: { type: 'put'; key: string; value: string }[] = []
  for (const [key, value] of records(count)) {
    ops.push({ type: 'put', key, value })
    if (ops.length < size) continue
    await store.batch(ops)
    ops = []
  }
  await store.batch(ops)
}

/** What the sqlite3 program is told to make a table of the records of a CSV file. */
export function sqliteImport(csv: string): string {
  return `create table kv(key text primary key, value text not null);\n.mode csv\n.import --skip 1 "${csv}" kv\n`
}

/** Writes `count` records to a file for each kind of input that is named. */
export async function writeRecords(
  count: number,
  files: { [kind in keyof typeof WRITERS]?: string | undefined },
): Promise<void> {
  const outputs = Object.entries(files).flatMap(([kind, path]) =>
    path === undefined
      ? []
      : [
          {
            write: WRITERS[kind as keyof typeof WRITERS],
            text: HEADERS[kind as keyof typeof WRITERS] ?? '',
            stream: createWriteStream(path),
          },
        ],
  )
  for (const [key, value] of records(count)) {
    for (const output of outputs) {
      output.text += output.write(key, value)
      if (output.text.length < CHUNK) continue
      if (!output.stream.write(output.text, 'latin1')) await once(output.stream, 'drain')
      output.text = ''
    }
  }
  for (const { stream, text } of outputs) {
    stream.end(text, 'latin1')
    await once(stream, 'close')
  }
}
