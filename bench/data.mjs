/** Records for the benchmarks: the same ones in every run and on every machine. */
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'

const CODES = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 'latin1')
const KEY_BYTES = 16
const VALUE_BYTES = 100

/** Bytes written at a time. */
const CHUNK = 1 << 20

/** How a record is written in each form of input. No letter of a record needs escaping in any of them. */
const FORMS = {
  jsonl: (key, value) => `{"key":"${key}","value":"${value}"}\n`,
  csv: (key, value) => `${key},${value}\n`,
  ldb: (key, value) => `${key} ==> ${value}\n`,
  // The protocol of Redis: an array of three strings, each with its length.
  resp: (key, value) => `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
}

/**
 * A stream of random whole numbers from 0 to 2^32 - 1 (Marsaglia's xorshift with shifts 13, 17, 5;
 * Journal of Statistical Software 8, 2003). The seed must not be 0.
 */
export function randomNumbers(seed) {
  let state = seed | 0
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** The first `count` records of a seed: `[key, value]`, 16 and 100 letters and digits, keys in random order. */
export function* records(count, seed = 42) {
  const next = randomNumbers(seed)
  const bytes = Buffer.alloc(Math.max(KEY_BYTES, VALUE_BYTES))
  // Through a buffer: a text made by appending is a chain of pieces, and whoever reads it first would pay for joining
  // them.
  const letters = (length) => {
    for (let n = 0; n < length; n++) bytes[n] = CODES[next() % CODES.length]
    return bytes.latin1Slice(0, length)
  }
  for (let n = 0; n < count; n++) yield [letters(KEY_BYTES), letters(VALUE_BYTES)]
}

/** Writes `count` records to a file for each form in `files`, which maps forms (see FORMS) to paths. */
export async function writeRecords(count, files) {
  const outputs = Object.entries(files).map(([form, path]) => ({
    write: FORMS[form],
    text: '',
    stream: createWriteStream(path),
  }))
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
