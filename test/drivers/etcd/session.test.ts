import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasEtcd, sharedCluster } from '../../helpers/etcd.ts'
import { kv, kvProcess } from '../../helpers/kv.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

describe.skipIf(!hasEtcd())('commands that read and write, in a session on etcd, and undone', () => {
  const cluster = sharedCluster()
  const rows: readonly (readonly [name: string, lines: readonly string[], stdout: readonly string[]])[] = [
    ['put', ['put a 2', 'get a', '.undo', 'get a'], ['2', '1']],
    ['put of a new key', ['put n 2', '.undo', 'get n --default none'], ['none']],
    ['put over a value', ['put a 2 --if-value 1', '.undo', 'get a'], ['1']],
    ['del', ['del a', '.undo', 'get a'], ['1', '1']],
    ['del of a range', ['del --prefix "" --all --yes', '.undo', 'count'], ['2', '2']],
    ['incr', ['incr n 5', 'incr n', '.undo', 'get n'], ['5', '6', '5']],
    ['rename', ['rename a c', 'get c', '.undo', 'get a', 'count'], ['1', '1', '1', '2']],
    ['expire and persist', ['expire a 1h', 'persist a', '.undo', '.undo', 'ttl a'], ['3600', 'none', 'none']],
    ['put that keeps the expiry', ['put e 1 --ttl 1h', 'put e 2 --keep-ttl', 'persist e', 'get e'], ['none', '2']],
    ['batch-put', ['batch-put FILE', 'get a', '.undo', 'get a', 'count'], ['loaded', '1', '2']],
    [
      'batch-put of what is absent',
      ['batch-put --if-absent FILE', 'get a', 'get z', '.undo', 'count'],
      ['1', 'loaded', '2'],
    ],
  ]
  test.for(rows)('%s', async ([, lines, stdout]) => {
    const file = join(tempDir(), 'in.jsonl')
    writeFileSync(file, '{"key":"a","value":"loaded"}\n{"key":"z","value":"loaded"}\n')
    const script = ['put a 1', 'put b 1', ...lines, ''].join('\n').replace('FILE', file)
    const run = await kv(['--store', cluster().place(), 'repl'], { input: script })
    // A value ends in no line feed; a time to live is rounded up to a whole second.
    expect(run.stdout.toString().replaceAll('\n', '').replace('3601', '3600')).toBe(stdout.join(''))
  })

  test('lock', async () => {
    const store = cluster().place()
    const run = await kvProcess(['--store', store, 'lock', 'L', '--', 'echo', 'held'])
    expect([run.code, run.stdout.toString()]).toEqual([0, 'held\n'])
    expect((await kv(['--store', store, 'count'])).stdout.toString()).toBe('0\n')
  })
})
