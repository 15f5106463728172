import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CommandLine, lexLine } from '../../../src/repl/language/lexer.ts'
import { quoteWord } from '../../../src/shell-quote.ts'

const words = (source: string): string[] => lexLine(source).words.map(({ text }) => text)

describe('a command line', () => {
  test.for<[source: string, expected: string[]]>([
    ['', []],
    ['  get   a ', ['get', 'a']],
    ["put k 'two words'", ['put', 'k', 'two words']],
    [`put k '{"a": "\\n"}'`, ['put', 'k', '{"a": "\\n"}']],
    ['put k $\'\\303\\251\\E\\001\\0\' "\\303"', ['put', 'k', 'é\u001b\u0001\0', '\\303']],
    ['put k "a\\tb\\n\\x41\\xc3\\xa9\\u{1f600}"', ['put', 'k', 'a\tb\nAé😀']],
    ['put k "{\\"a\\":1}"', ['put', 'k', '{"a":1}']],
    ["put k $'it\\'s\\x07'", ['put', 'k', "it's\u0007"]],
    ['put a\\ b c\\#d', ['put', 'a b', 'c#d']],
    ['put k a"b"\'c\'d', ['put', 'k', 'abcd']],
    ['get a # the rest', ['get', 'a']],
    ['get a#b', ['get', 'a#b']],
    ['put k ""', ['put', 'k', '']],
    ["put k ''", ['put', 'k', '']],
    ['put k 5$', ['put', 'k', '5$']],
    ['put k a\\\nb', ['put', 'k', 'ab']],
  ])('%s', ([source, expected]) => {
    expect(words(source)).toEqual(expected)
  })

  test.for([
    'put a 1; put b 2',
    'put a 1 & x',
    'put a $HOME',
    'put a "$HOME"',
    'put a $(date)',
    'put a `date`',
    'put k "\\xff"',
    'put k "\\xzz"',
    'get a <',
    'put k \\ud800',
  ])('what a shell would act on, or nobody can read, is refused: %s', (source) => {
    if (source.endsWith('ud800')) return expect(words(source)).toEqual(['put', 'k', 'ud800'])
    expect(() => words(source)).toThrowError(expect.objectContaining({ code: 'KV_USAGE' }))
  })

  test('an open quote, and a backslash at the end, say that more must follow', () => {
    expect(lexLine("put k 'a\nb").open).toBe("'")
    expect(lexLine('put k "a').open).toBe('"')
    expect(lexLine('put k \\').open).toBe('\\')
    expect(lexLine("put k 'a\nb'")).toMatchObject({ open: undefined })
    expect(words("put k 'a\nb'")).toEqual(['put', 'k', 'a\nb'])
  })

  test('what follows | and > is for the shell, quotes and all', () => {
    expect(lexLine("range --json | jq '.a | b' > x")).toMatchObject({ shell: "| jq '.a | b' > x", open: undefined })
    expect(words('range --json|jq .')).toEqual(['range', '--json'])
    expect(lexLine('get a > "out file"\nget b')).toMatchObject({ shell: '> "out file"', next: 19 })
    expect(lexLine("range | jq 'a").open).toBe("'")
    expect(lexLine("put k 'a|b'").shell).toBeUndefined()
  })

  test('< FILE is the input', () => {
    expect(lexLine('batch-put < "my rows.jsonl"')).toMatchObject({ input: { text: 'my rows.jsonl' } })
    expect(words('put k <f --ttl 5s')).toEqual(['put', 'k', '--ttl', '5s'])
  })
})

test('a script is read command by command, with the number of the line each begins on', () => {
  const script = "# head\nput a 1\n\nput b 'x\ny'\nget a | cat\nget b # end\nget c"
  const commands: CommandLine[] = []
  for (let at = 0; at < script.length; at = commands.at(-1)!.next)
    commands.push(lexLine(script, at, script.slice(0, at).split('\n').length))
  expect(
    commands.filter(({ words }) => words.length > 0).map(({ line, words }) => [line, ...words.map(({ text }) => text)]),
  ).toEqual([
    [2, 'put', 'a', '1'],
    [4, 'put', 'b', 'x\ny'],
    [6, 'get', 'a'],
    [7, 'get', 'b'],
    [8, 'get', 'c'],
  ])
})

test('any text, quoted, is read back as one word', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
      (text) => {
        expect(words(`get ${quoteWord(text)} x`)).toEqual(['get', text, 'x'])
      },
    ),
    { numRuns: 2000 },
  )
})
