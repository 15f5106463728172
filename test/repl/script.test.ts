import { readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { KV } from './screen.ts'

function script(input: string, args: readonly string[] = [], home = tempDir()): { stdout: string; stderr: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [KV, 'repl', '--store', 't.kv', ...args], { cwd: home, input, env: { PATH: process.env['PATH'], HOME: home }, encoding: 'utf8' })
  return { stdout, stderr, code: status }
}

test('a script has no banner and no prompt, and prints as the shell does', () => {
  expect(script('put a 1\n# comment\n\nput b "x\\ny"\nrange\nkv get a\n')).toEqual({ stdout: '{"key":"a","value":"1"}\n{"key":"b","value":"x\\ny"}\n1', stderr: '', code: 0 })
})

test('a script stops at its first failure, with its exit code and its line', () => {
  expect(script("put a '1\n2'\nget nope\ncount")).toEqual({ stdout: '', stderr: 'kv: key not found: nope (KV_NOT_FOUND)\nkv: stopped at script:3 (exit 1)\n', code: 1 })
})

test('with --keep-going a script goes on, and ends with the first failure', () => {
  const { stdout, stderr, code } = script('get --wrong\nget nope\nput a 1; x\ncount', ['--keep-going'])
  expect(stdout).toBe('0\n')
  expect(stderr.match(/failed at script:\d/g)).toEqual(['failed at script:1', 'failed at script:2', 'failed at script:3'])
  expect(code).toBe(2)
})

test('a script may be a file, and commands may read files', () => {
  const home = tempDir()
  writeFileSync(join(home, 'rows.jsonl'), '{"key":"a","value":"1"}\n')
  writeFileSync(join(home, 'value'), 'from a file\n')
  writeFileSync(join(home, 'setup.kv'), 'batch-put --quiet < rows.jsonl\nput b < value\nrange > out.jsonl\n.undo\n')
  expect(script('', ['setup.kv'], home)).toMatchObject({ stdout: '', code: 0 })
  expect(readFileSync(join(home, 'out.jsonl'), 'utf8')).toBe('{"key":"a","value":"1"}\n{"key":"b","value":"from a file\\n"}\n')
  expect(script('count', [], home).stdout).toBe('1\n')
})

test('a command of a script does not read the script', () => {
  const { stderr, code } = script('put k\nput a 1\n')
  expect(stderr).toContain('a command of a script has no standard input')
  expect(code).toBe(2)
})

test('a batch-put over more bytes than .undo keeps is done, and not undone', () => {
  const home = tempDir()
  const value = 'x'.repeat(17_000_000)
  writeFileSync(join(home, 'large.jsonl'), `["a","${value}"]\n["b","${value}"]\n`)
  writeFileSync(join(home, 'small.jsonl'), '["a","1"]\n["b","2"]\n')
  const { stdout, stderr, code } = script('batch-put -q large.jsonl\nbatch-put -q small.jsonl\nrange\n.undo\n', [], home)
  expect(stdout).toBe('{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n')
  expect(stderr).toContain('too much to undo')
  expect(code).toBe(1)
})

test('a batch-put within the bounds of .undo is undone, a larger one is refused', () => {
  const home = tempDir()
  writeFileSync(join(home, 'few.jsonl'), '["a","2"]\n["b","2"]\n')
  writeFileSync(join(home, 'many.jsonl'), Array.from({ length: 10_001 }, (_, i) => `["k${i}","v"]\n`).join(''))
  const { stdout, stderr, code } = script('put a 1\nbatch-put -q few.jsonl\n.undo\nrange\nbatch-put -q many.jsonl\n.undo\n', [], home)
  expect(stdout).toBe('{"key":"a","value":"1"}\n')
  expect(stderr).toContain('undone: batch-put -q few.jsonl (2 keys)')
  expect(stderr).toContain('too much to undo')
  expect(code).toBe(1)
})

test('a script may check the store', () => {
  expect(script('put a 1\ncheck --json\n')).toEqual({ stdout: expect.stringContaining('"checked":1'), stderr: '', code: 0 })
})
