import { copyFileSync, linkSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { kvProcess } from '../helpers/kv.ts'
import { mountedAlone } from '../helpers/small-disk.ts'
import { failure, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const READS = [['get', 'a'], ['range'], ['count'], ['check'], ['stat']]
const WRITES = [
  ['put', 'a', '2'],
  ['del', 'a'],
  ['batch-put', '-'],
  ['watch', 'a'],
]

/** A quiet store of one entry with two names in one folder. */
async function linked(): Promise<{ folder: string; names: string[] }> {
  const folder = tempDir()
  const names = ['one.kv', 'two.kv'].map((name) => join(folder, name))
  expect((await kvProcess(['put', 'a', '1'], { store: names[0]! })).code).toBe(0)
  linkSync(names[0]!, names[1]!)
  return { folder, names }
}

describe('a file with two names', () => {
  test('can be read under both while it is quiet, and is written under neither', async () => {
    const { folder, names } = await linked()
    const before = readFileSync(names[0]!)
    for (const store of names) {
      for (const args of READS) expect(await kvProcess(args, { store }), args[0]).toMatchObject({ code: 0, stderr: '' })
      for (const args of WRITES) {
        const { code, stderr } = await kvProcess(args, { store, input: '{"key":"a","value":"2"}\n' })
        expect({ code, stderr }, args[0]).toEqual({
          code: 4,
          stderr: expect.stringMatching(
            /has a second name \(a hard link\).* \(KV_UNAVAILABLE\)\nhint: .*cp -p /,
          ) as string,
        })
      }
    }
    expect(readFileSync(names[0]!)).toEqual(before)
    expect(readdirSync(folder)).toEqual(['one.kv', 'two.kv'])
  })

  test('is written again once it has one, or is a file of its own as the hint makes it', async () => {
    const { names } = await linked()
    const { stderr } = await kvProcess(['put', 'b', '1'], { store: names[1]! })
    execFileSync('sh', ['-c', stderr.split('file of its own: ')[1]!])
    for (const [n, store] of names.entries())
      expect((await kvProcess(['put', `b${n}`, '1'], { store })).stderr).toBe('')
    expect((await kvProcess(['range', '--keys'], { store: names[0]! })).stdout.toString()).toBe('a\nb0\n')
    expect((await kvProcess(['range', '--keys'], { store: names[1]! })).stdout.toString()).toBe('a\nb1\n')
  })

  test('got while a process had it open: that one stops writing, the other name is not read, and nothing acknowledged is lost', async () => {
    const folder = tempDir()
    const [one, two, far] = [join(folder, 'one.kv'), join(folder, 'two.kv'), join(folder, 'far', 'three.kv')]
    mkdirSync(join(folder, 'far'))
    const store = await openTestStore(one)
    await store.put('a', '1')
    linkSync(one, two)
    linkSync(one, far)
    expect((await failure(() => store.put('b', '1'))).code).toBe('KV_UNAVAILABLE')
    for (const name of [two, far]) {
      for (const args of [READS[0]!, WRITES[0]!])
        expect(await kvProcess(args, { store: name }), args[0]).toMatchObject({
          code: 4,
          stderr: expect.stringContaining('(KV_UNAVAILABLE)') as string,
        })
    }
    expect((await kvProcess(['count'], { store: one })).stdout.toString()).toBe('1\n')
    rmSync(two)
    rmSync(far)
    await store.put('b', '1')
    expect((await kvProcess(['count'], { store: one })).stdout.toString()).toBe('2\n')
  })

  test('of which one has a log that a crash has left: the other leads to it', async () => {
    const live = join(tempDir(), 'live.kv')
    const store = await openTestStore(live)
    await store.put('a', '1')
    const folder = tempDir()
    for (const suffix of ['', '-wal']) copyFileSync(live + suffix, join(folder, `one.kv${suffix}`))
    linkSync(join(folder, 'one.kv'), join(folder, 'two.kv'))
    const before = readFileSync(join(folder, 'one.kv'))
    const { code, stderr } = await kvProcess(['get', 'a'], { store: join(folder, 'two.kv') })
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: expect.stringContaining(`hint: use that name: --store ${join(folder, 'one.kv')}\n`) as string,
    })
    expect(readFileSync(join(folder, 'one.kv'))).toEqual(before)
    expect((await kvProcess(['get', 'a'], { store: join(folder, 'one.kv') })).stdout.toString()).toBe('1')
  })

  test('is none when the second is the one it was made under', async () => {
    const folder = tempDir()
    const path = join(folder, 'store.kv')
    await using store = await openStore(path)
    await store.put('a', '1')
    linkSync(path, join(folder, '.kv-new-999999999-abc.tmp'))
    await store.put('b', '1')
    expect((await kvProcess(['put', 'c', '1'], { store: path })).stderr).toBe('')
  })
})

test('a file that is mounted alone can be read while it is quiet, and is not written', async (context) => {
  const host = join(tempDir(), 'store.kv')
  expect((await kvProcess(['put', 'a', '1'], { store: host })).code).toBe(0)
  const alone = mountedAlone(context, host)
  for (const args of READS)
    expect(await kvProcess(args, { store: alone }), args[0]).toMatchObject({ code: 0, stderr: '' })
  for (const args of WRITES) {
    const run = await kvProcess(args, { store: alone, input: '{"key":"a","value":"2"}\n' })
    expect(run, args[0]).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/is mounted alone.* \(KV_UNAVAILABLE\)\nhint: mount the folder/) as string,
    })
  }
  const store = await openTestStore(host)
  await store.put('b', '1')
  for (const args of READS.slice(0, 2))
    expect(await kvProcess(args, { store: alone }), args[0]).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('(KV_UNAVAILABLE)') as string,
    })
  await store.put('c', '1')
  expect((await kvProcess(['count'], { store: host })).stdout.toString()).toBe('3\n')
})
