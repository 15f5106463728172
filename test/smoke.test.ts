import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../src/commands/index.ts'
import { type Case, errorText, kvProcess, testCases } from './helpers/kv.ts'
import { served } from './helpers/serve.ts'

/** One line for each command, run as a shell runs it: the built program in a process of its own. */
const CASES: readonly Case[] = [
  { name: 'get', args: ['get', 'a'], given: [['a', '1']], stdout: '1' },
  { name: 'put', args: ['put', 'a', '1'], leaves: [['a', '1']] },
  { name: 'range', args: ['range'], given: [['a', '1']], stdout: '{"key":"a","value":"1"}\n' },
  {
    name: 'batch-put',
    args: ['batch-put'],
    input: '{"key":"a","value":"1"}\n',
    stderr: /^1 put, 0 skipped, /,
    leaves: [['a', '1']],
  },
  { name: 'del', args: ['del', 'a'], given: [['a', '1']], stdout: '1\n', leaves: [] },
  { name: 'ls', args: ['ls'], given: [['a:1', '1']], stdout: 'a:\n' },
  { name: 'du', args: ['du'], given: [['a:1', '1']], stdout: '4\t1\ta:\n4\t1\ttotal\n' },
  { name: 'count', args: ['count'], given: [['a', '1']], stdout: '1\n' },
  { name: 'watch', args: ['watch'], stderr: /KV_USAGE/, code: 2 },
  { name: 'ttl', args: ['ttl', 'a'], given: [['a', '1']], stdout: 'none\n' },
  { name: 'rename', args: ['rename', 'a', 'b'], given: [['a', '1']], stdout: '1\n', leaves: [['b', '1']] },
  {
    name: 'history',
    args: ['history', '--json'],
    given: [['a', '1']],
    stdout: '{"keep":0,"versions":0,"bytes":0,"since":null,"since_revision":null}\n',
  },
  {
    name: 'revert',
    args: ['revert', 'a'],
    given: [['a', '1']],
    stderr: errorText('this store keeps no old versions', 'KV_HISTORY_GAP', 'keep them from now on: kv history on'),
    code: 4,
  },
  { name: 'incr', args: ['incr', 'a'], given: [['a', '1']], stdout: '2\n', leaves: [['a', '2']] },
  { name: 'lock', args: ['lock', 'n', '--', 'echo', 'ran'], stdout: 'ran\n', leaves: [] },
  { name: 'expire', args: ['expire', 'a', '1m'], given: [['a', '1']], stdout: '60\n' },
  { name: 'persist', args: ['persist', 'a'], given: [['a', '1', { ttl: 60_000 }]], stdout: 'none\n' },
  { name: 'stat', args: ['stat', '--json'], given: [['a', '1']], stdout: /"entries":1\b/ },
  { name: 'check', args: ['check', '--json'], given: [['a', '1']], stdout: /"checked":1\b/ },
  { name: 'backup', args: ['backup', 'copy.kv', '--json'], given: [['a', '1']], stdout: /"bytes":\d+/ },
  { name: 'diff', args: ['diff', 'a.kv', 'b.kv'], stderr: /KV_UNAVAILABLE/, code: 4 },
  { name: 'copy', args: ['copy', 'a.kv', 'a.kv'], stderr: /the same store \(KV_USAGE\)/, code: 2 },
  {
    name: 'restore',
    args: ['restore', 'no.kv'],
    stderr: /^kv: there is no store at .*no.kv \(KV_UNAVAILABLE\)/,
    code: 4,
  },
  { name: 'compact', args: ['compact', '--json'], given: [['a', '1']], stdout: /"bytes":\d+/, leaves: [['a', '1']] },
  { name: 'salvage', args: ['salvage', 'saved.kv', '--json'], given: [['a', '1']], stdout: /"entries":1,"lost":0/ },
  {
    name: 'bench',
    args: ['bench', '--in-place', '--records', '10', '--ops', '1', '--warmup', '0', '--json'],
    stdout: /"targets":/,
  },
  { name: 'peek', args: ['peek', 'a'], given: [['a', 'text']], stdout: /text/ },
  { name: 'pick', args: ['pick'], stderr: /^kv: pick needs a terminal to ask on \(KV_USAGE\)\n/, code: 2 },
  {
    name: 'completion',
    args: ['completion', 'bash', '--', 'kv get a', 'a'],
    given: [['ab', '']],
    stdout: 'done\nab\n',
  },
  { name: 'repl', args: ['repl'], input: 'get a\n', given: [['a', '1']], stdout: /^1/ },
]

/** Of a command without a line above, its help. */
const OTHERS = Object.keys(COMMANDS)
  .filter((name) => name !== 'serve' && !CASES.some((line) => line.name === name))
  .map((name) => ({ name, args: [name, '--help'], stdout: /^Usage: kv / }))

describe('the built program', () => {
  testCases([...CASES, ...OTHERS], kvProcess)

  test('serve', async () => {
    const { child, run } = await served()
    child.kill('SIGTERM')
    expect((await run).code).toBe(0)
  })
})
