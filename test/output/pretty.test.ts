import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { prettyJson } from '../../src/formats/display/pretty.ts'

test('JSON is indented, and empty objects and arrays stay on their line', () => {
  expect(prettyJson('{"a":[1,{"b":null}],"c":{},"d":[ ],"e":[[]]}', false)).toBe(`{
  "a": [
    1,
    {
      "b": null
    }
  ],
  "c": {},
  "d": [],
  "e": [
    []
  ]
}`)
})

test('numbers, escapes, repeated names and the order of names stay as they are stored', () => {
  expect(prettyJson('{"z":1E400,"a":12345678901234567890,"a":"\\u0041\\/, {}: \\"","1":-0.0}', false)).toBe(`{
  "z": 1E400,
  "a": 12345678901234567890,
  "a": "\\u0041\\/, {}: \\"",
  "1": -0.0
}`)
})

test('what is no JSON is nothing', () => {
  for (const text of ['', 'Ada', '{"a":}', '[1,]', '{} {}']) expect(prettyJson(text, true)).toBeUndefined()
})

test('JSON nested so deep that its indentation would fill memory is left as it is', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  expect(prettyJson(deep, false)).toBeUndefined()
})

test('colours mark names, strings, numbers and null, and nothing of a value can be taken for one', () => {
  expect(prettyJson('{"n":["s",1,true,null,"\u009b31m\u202e"]}', true)).toBe(
    '{\n  \u001b[36m"n"\u001b[39m: [\n    \u001b[32m"s"\u001b[39m,\n    \u001b[33m1\u001b[39m,\n    \u001b[33mtrue\u001b[39m,\n    \u001b[2mnull\u001b[22m,\n    \u001b[32m"\\u009b31m\\u202e"\u001b[39m\n  ]\n}',
  )
})

describe('for any JSON value', () => {
  test('the text means the same and has the lines of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        const pretty = prettyJson(text, false)!
        expect(JSON.parse(pretty)).toEqual(JSON.parse(text))
        expect(pretty.split('\n').length).toBe(JSON.stringify(value, null, 2).split('\n').length)
      }),
    )
  })
})
