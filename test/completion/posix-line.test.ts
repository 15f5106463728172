import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Quote, quoteRest, readPosixLine } from '../../src/completion/shells/posix-line.ts'

const ENV = { A: 'one', LONG_NAME2: 'two words', EMPTY: '' }

describe('a line is read as bash reads it', () => {
  test.for<[line: string, words: readonly string[], typed: string, quote?: Quote]>([
    ['', [], ''],
    ['kv', [], 'kv'],
    ['kv ', ['kv'], ''],
    ['kv  get\ta', ['kv', 'get'], 'a'],
    [String.raw`kv a\ b c\ `, ['kv', 'a b'], 'c '],
    ['kv a\\', ['kv'], 'a'],
    [`kv 'a b' "c d"e`, ['kv', 'a b'], 'c de'],
    [`kv 'a b`, ['kv'], 'a b', "'"],
    [String.raw`kv 'a\'`, ['kv'], 'a\\'],
    [String.raw`kv "a\"\$\x b`, ['kv'], String.raw`a"$\x b`, '"'],
    ['kv "a\\', ['kv'], 'a', '"'],
    [String.raw`kv $'\n\x41\303\xbc\u00e9\'`, ['kv'], "\nAüé'", "$'"],
    [String.raw`kv $'\t'b`, ['kv'], '\tb'],
    ['kv $A/x "${LONG_NAME2}" $EMPTY', ['kv', 'one/x', 'two words'], ''],
    [`kv '$A' \\$A $ $1 $MISSING.`, ['kv', '$A', '$A', '$', '$1'], '.'],
    ['kv $(touch x) `touch', ['kv', '$(touch', 'x)'], '`touch'],
    ['kv range > out --ke', ['kv', 'range'], '--ke'],
    ['kv range 2>&1 <in >> ou', ['kv', 'range'], 'ou'],
    ['kv put 2 3', ['kv', 'put', '2'], '3'],
  ])('%j', ([line, words, typed, quote = '']) => {
    const read = readPosixLine(line, ENV)
    expect(read.words).toEqual(words)
    expect(read.typed).toMatchObject({ text: typed, quote })
  })

  test('the file of a redirection is known as one', () => {
    const isTarget = (line: string): boolean => readPosixLine(line, {}).typed.isTarget
    expect(['kv range > o', 'kv range >', 'kv range > ', 'kv range > o '].map(isTarget)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

const OPEN: Readonly<Record<Quote, string>> = { '': '', "'": "'", '"': '"', "$'": "$'" }
const textOf = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(...`'"\\$\`! ~=:\n\t\u0001\u007f\u0085[`),
      fc.string({ unit: 'binary', maxLength: 1 }),
    ),
  })
  .filter((text) => !text.includes('\0') && text.isWellFormed())

test('what goes on in a word is read back, by bash and here', () => {
  const cases = fc.sample(fc.tuple(fc.constantFrom<Quote>('', "'", '"', "$'"), textOf), { numRuns: 1000, seed: 1 })
  const words = cases.map(([quote, text]) => `${OPEN[quote] || 'x'}${quoteRest(text, quote)}`)
  for (const [i, [quote, text]] of cases.entries())
    expect(readPosixLine(words[i]!, {}).typed).toMatchObject({ text: quote === '' ? `x${text}` : text, quote })
  const closed = words.map((word, i) => word + (cases[i]![0].at(-1) ?? ''))
  const input = `printf '%s\\0' ${closed.join(' ')}`
  const output = execFileSync('bash', { input, env: { LC_ALL: 'C.UTF-8' }, encoding: 'utf8' })
  expect(output.split('\0').slice(0, -1)).toEqual(cases.map(([quote, text]) => (quote === '' ? `x${text}` : text)))
})
