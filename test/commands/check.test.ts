import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { CLUSTERED } from '../../src/drivers/sqlite/layout/clustered.ts'
import { errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { emptyStore } from '../helpers/layouts.ts'
import { sql } from '../helpers/sql.ts'
import { openTestStore } from '../helpers/store.ts'

/** A store in whose file one byte of the value of `bad` is another. */
async function damagedStore(): Promise<string> {
  const store = await givenStore([
    ['good', 'x'.repeat(50)],
    ['bad\u001b', 'needle'.repeat(10)],
  ])
  const bytes = readFileSync(store)
  const at = bytes.indexOf('needleneedle')
  expect(at).toBeGreaterThan(0)
  bytes[at] = 0x4e
  writeFileSync(store, bytes)
  return store
}

describe('kv check', () => {
  test('prints ok and how many entries were checked', async () => {
    expectRun(
      await kv(['check'], {
        store: await givenStore([
          ['a', '1'],
          ['b', '2'],
        ]),
      }),
      { stdout: 'ok: 2 entries checked, 0 without a checksum\n' },
    )
  })

  test('counts one entry as one', async () => {
    expectRun(await kv(['check'], { store: await givenStore([['a', '1']]) }), {
      stdout: 'ok: 1 entry checked, 0 without a checksum\n',
    })
  })

  test('--json prints one object', async () => {
    const run = await kv(['check', '--json'], { store: await givenStore([['a', '1']]) })
    expectRun(run, {
      stdout: '{"ok":true,"checked":1,"unchecked":0,"damaged_keys_base64":[],"damaged_keys":[],"problems":[]}\n',
    })
  })

  test('--quick looks at the structure alone', async () => {
    const [sound, damaged] = [await givenStore([['a', '1']]), await damagedStore()]
    const stdout = 'ok: the structure of the file; no entry was compared\n'
    expectRun(await kv(['check', '--quick'], { store: sound }), { stdout })
    expectRun(await kv(['check', '--quick'], { store: damaged }), { stdout })
    expectRun(await kv(['check', '--quick'], { store: 'memory:' }), { stdout: /^ok: / })
    // A page of the tree of keys becomes one of no type.
    const cut = await givenStore()
    const input = Array.from({ length: 2000 }, (_, i) => `${JSON.stringify({ key: `k${i}`, value: 'x'.repeat(50) })}\n`)
    await kvProcess(['batch-put', '--quiet'], { store: cut, input: input.join('') })
    const bytes = readFileSync(cut)
    bytes.fill(0xff, 8192 * 12, 8192 * 13)
    writeFileSync(cut, bytes)
    expectRun(await kv(['check', '--quick'], { store: cut }), { stdout: /^problem: /, stderr: /KV_CORRUPT/, code: 4 })
  })

  test('a store that does not exist is not sound', async () => {
    const store = await givenStore()
    expectRun(await kv(['check'], { store }), {
      stderr: errorText(
        `there is no store at ${store}`,
        'KV_UNAVAILABLE',
        'is it the right name, and the disk mounted? The first put makes a store',
      ),
      code: 4,
    })
  })

  test('names the key of a flipped byte and exits 4', async () => {
    const store = await damagedStore()
    expectRun(await kv(['check'], { store }), {
      stdout: 'damaged: bad\\x1b\nDAMAGED: 2 entries checked, 0 without a checksum\n',
      stderr: errorText(
        'the store is damaged: 1 damaged entry, 0 structural problems',
        'KV_CORRUPT',
        `what can be read is saved by: kv --store ${store} salvage saved.kv; or put a backup in its place: kv --store ${store} restore FILE`,
      ),
      code: 4,
    })
  })

  test('names the key of a flipped byte as JSON', async () => {
    const { stdout, code } = await kv(['check', '--json'], { store: await damagedStore() })
    expect(code).toBe(4)
    expect(JSON.parse(stdout.toString())).toMatchObject({
      ok: false,
      damaged_keys_base64: [Buffer.from('bad\u001b').toString('base64')],
    })
  })

  test.for([
    ['delete from kv_long where id = 1', 'damaged: a\n'],
    [
      'insert into kv_long(value) values (zeroblob(300))',
      'problem: kv_long has 3 values, and 2 entries have one of it; or two have the same\n',
    ],
    ["update kv_entry set value = x'00' where key = x'61'", 'problem: 1 entries have two values, or none\n'],
    ["update kv_entry set value = null where key = x'63'", 'problem: 1 entries have two values, or none\n'],
    [
      "drop trigger kv_long_update; update kv_entry set long = 1 where key = x'62'; insert into kv_long values (9, x''); delete from kv_long where id = 2",
      'problem: kv_long has 2 values, and 2 entries have one of it; or two have the same\n',
    ],
  ])('format 2: %s is found', async ([statement, told]) => {
    const store = emptyStore(await givenStore(), CLUSTERED)
    const open = await openTestStore(store)
    await open.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: key.repeat(key === 'c' ? 3 : 300) })))
    sql(store, statement!)
    const { stdout, code } = await kvProcess(['check'], { store })
    expect(code).toBe(4)
    expect(stdout.toString()).toContain(told!)
  })
})
