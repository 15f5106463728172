import { existsSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorText, expectRun, givenStore, kv } from '../helpers/kv.ts'

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
