import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { KV, errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'

describe('kv stat', () => {
  test('prints a fact a line', async () => {
    const store = await givenStore([
      ['a', '1'],
      ['b', '2', { expires: 4102444800000 }],
      ['c', '3', { expires: 978307200000 }],
    ])
    const { stdout, stderr, code } = await kv(['stat'], { store })
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    expect(stdout.toString()).toMatch(/^(?:[a-z_]+: \S.*\n)+$/)
    expect(stdout.toString().split('\n')).toEqual(
      expect.arrayContaining(['driver: sqlite', 'entries: 2', 'expiring: 1']),
    )
  })

  test('--json prints one object', async () => {
    const store = await givenStore([['a', '1']])
    const { stdout, code } = await kv(['stat', '--json'], { store })
    expect(code).toBe(0)
    expect(stdout.toString().split('\n')).toHaveLength(2)
    const record = JSON.parse(stdout.toString()) as Record<string, unknown>
    expect(record).toMatchObject({ driver: 'sqlite', entries: 1, expiring: 0 })
    expect(record['size_bytes']).toBe(statSync(store).size)
  })

  test('of a store that does not exist is empty and makes no file', async () => {
    const store = await givenStore()
    const { stdout, code } = await kv(['stat', '--json'], { store })
    expect(code).toBe(0)
    expect(JSON.parse(stdout.toString())).toMatchObject({ entries: 0, size_bytes: 0 })
    expect(existsSync(store)).toBe(false)
  })

  test('says who else has it open, and what a compact would free', async () => {
    const { child, path, url } = await served([], { store: await givenStore([['a', 'x'.repeat(100_000)]]) })
    expectRun(await kv(['del', 'a'], { store: url }), { stdout: '1\n' })
    const { stdout } = await kvProcess(['stat', '--json'], { store: path })
    const record = JSON.parse(stdout.toString()) as { unused_bytes: number; open_by: string }
    expect(record.unused_bytes).toBeGreaterThan(90_000)
    const program = KV.map((word) => basename(word)).join(' ')
    if (process.platform === 'linux') expect(record.open_by).toContain(`${child.pid} (${program})`)
    const remote = await kv(['stat', '--json'], { store: url })
    expect(remote.stdout.toString()).not.toContain('open_by')
  })

  test('counts expired entries that are still in the file; the next write removes them', async () => {
    const store = await givenStore([['old', 'x', { ttl: 100 }]])
    const stat = async (): Promise<unknown> => JSON.parse(String((await kv(['stat', '--json'], { store })).stdout))
    await vi.waitFor(async () => expect(await stat()).toMatchObject({ entries: 0, expired_unremoved: 1 }), 10_000)
    expectRun(await kv(['put', 'new', '1'], { store }), {})
    expect(await stat()).toMatchObject({ entries: 1, expired_unremoved: 0 })
  })

  test('takes no argument', async () => {
    expectRun(await kv(['stat', 'x'], { store: await givenStore() }), {
      stderr: errorText(
        'too many arguments: stat takes none, not 1',
        'KV_USAGE',
        'what holds blanks needs quotes; kv stat --help shows how it is called',
      ),
      code: 2,
    })
  })
})
