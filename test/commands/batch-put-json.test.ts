import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contents, errorText, expectRun, givenStore, kv, shell } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { entries, openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { watched } from '../helpers/watch.ts'

const ADA = '{"id":7,"name":"Ada","at":{"city":"London","tags":["x",1.50]},"email":"\\u0061da@b.c"}'
const BOB = '{"id":12,"name":"Bob","at":{"city":"Paris","tags":[]},"email":"bob@b.c"}'
const LINES = `${ADA}\n${BOB}\n`

/** What is in a new store after a load of a file. */
async function loaded(name: string, text: string, args: readonly string[]): Promise<[string, string][]> {
  const cwd = tempDir()
  writeFileSync(join(cwd, name), text)
  const store = join(cwd, 'test.kv')
  const run = await kv(['batch-put', '--quiet', ...args, name], { store, cwd })
  expectRun(run, {})
  return contents(store)
}

describe('kv batch-put --key over JSON', () => {
  const records: [string, string][] = [
    ['12', BOB],
    ['7', ADA],
  ]
  test.for<[what: string, name: string, text: string, args: string[], entries: [string, string][]]>([
    ['JSON Lines', 'a.jsonl', LINES, ['--key', 'id'], records],
    ['a record a line of .json', 'a.json', LINES, ['--key', 'id'], records],
    ['one record', 'a.json', ADA, ['--key', 'id'], [['7', ADA]]],
    ['an array', 'a.json', `[${ADA},\n${BOB}]`, ['--key', 'id'], records],
    ['arrays one after another', 'a.json', `[${ADA}]\n[${BOB}]\n`, ['--key', 'id'], records],
    ['RFC 7464', 'a.json', `\x1e${ADA}\n\x1e${BOB}\n`, ['--key', 'id'], records],
    [
      'an answer of an API',
      'a.json',
      `{"count":2,"data":{"items":[${ADA},${BOB}]},"next":null}`,
      ['--at', 'data.items', '--key', 'id'],
      records,
    ],
    [
      'pages, one a line',
      'a.jsonl',
      `{"items":[${ADA}]}\n{"items":[${BOB}]}\n`,
      ['--at', 'items', '--key', 'id'],
      records,
    ],
    ['a map of records', 'a.json', `{"users":{"u1":${ADA},"u2":${BOB}}}`, ['--at', 'users', '--key', 'id'], records],
    [
      'a map, without --key',
      'a.json',
      `{"users":{"u1":${ADA},"u2":"x"}}`,
      ['--at', 'users', '--prefix', 'p:'],
      [
        ['p:u1', ADA],
        ['p:u2', 'x'],
      ],
    ],
    [
      'a template and a field',
      'a.jsonl',
      LINES,
      ['--key', 'user:{at.city}:{id:08}', '--value', 'email'],
      [
        ['user:London:00000007', 'ada@b.c'],
        ['user:Paris:00000012', 'bob@b.c'],
      ],
    ],
    [
      'a value that is a template',
      'a.jsonl',
      LINES,
      ['--key', 'name', '--value', '{id}={at.tags}'],
      [
        ['Ada', '7=["x",1.50]'],
        ['Bob', '12=[]'],
      ],
    ],
    ['records of kv with another value', 'a.jsonl', '{"key":"a","data":5}\n', ['--value', 'data'], [['a', '5']]],
    [
      'pairs',
      'a.jsonl',
      '["a",1]\n["b",{"c":2}]\n',
      ['--key', '0', '--value', '1', '--prefix', 'p:'],
      [
        ['p:a', '1'],
        ['p:b', '{"c":2}'],
      ],
    ],
  ])('%s', async ([, name, text, args, expected]) => {
    expect(await loaded(name, text, args)).toEqual(expected)
  })

  test('what jq writes: pretty, compact, an array, a sequence', async () => {
    if (!hasProgram('jq')) return
    const cwd = tempDir()
    writeFileSync(join(cwd, 'rows.jsonl'), LINES)
    for (const jq of ['jq .', 'jq -c .', 'jq -s .', 'jq --tab .', 'jq -c -s "., ."', `jq -n '{rows: [inputs]}'`]) {
      const at = jq.includes('rows:') ? '--at rows' : ''
      const run = await shell(
        `${jq} rows.jsonl > out.json && kv --store new.kv batch-put --quiet ${at} --key id --value email out.json && kv --store new.kv range --values && rm new.kv*`,
        { cwd },
      )
      expectRun(run, { stdout: 'bob@b.c\nada@b.c\n' })
    }
    const sequence = await shell(
      `printf '\\036%s\\n' '${ADA}' | jq --seq . > seq.json && kv --store new.kv batch-put --quiet --key id --value name seq.json && kv --store new.kv range`,
      { cwd },
    )
    expectRun(sequence, { stdout: '{"key":"7","value":"Ada"}\n' })
  })

  test('entries expire by --ttl', async () => {
    const store = await givenStore()
    expectRun(await kv(['batch-put', '--quiet', '--key', 'id', '--ttl', '1h'], { store, input: LINES }), {})
    const { stdout } = await kv(['ttl', '7'], { store })
    expect(Number(stdout)).toBeGreaterThan(3500)
  })

  test('a record without the key ends the load, or is refused and written out', async () => {
    const cwd = tempDir()
    const store = join(cwd, 'test.kv')
    const bad = '{"name":"nobody"}'
    writeFileSync(join(cwd, 'rows.jsonl'), `${ADA}\n${bad}\n{"id":null}\n{"id":[1]}\n${BOB}\n`)
    const stopped = await kv(['batch-put', '--key', 'id', 'rows.jsonl'], { store, cwd })
    expect(stopped.code).toBe(3)
    expect(stopped.stderr).toContain(
      'kv: rows.jsonl:2: no field "id"; the 1 record before it is stored (KV_INVALID_INPUT)\n',
    )
    const skipped = await kv(
      ['batch-put', '--key', 'id', '--on-error', 'skip', '--rejects', 'bad.jsonl', 'rows.jsonl'],
      { store, cwd },
    )
    expect(skipped.code).toBe(0)
    expect(skipped.stderr).toContain(
      'kv: skipped rows.jsonl:3: "id" is null\nkv: skipped rows.jsonl:4: "id" is an array\n2 put, 3 skipped',
    )
    expect((await shell('cat bad.jsonl', { cwd })).stdout.toString()).toContain(
      `"reason":"no field \\"id\\"","source":${JSON.stringify(bad)}}`,
    )
  })

  test('a path that is not there is named, with what is', async () => {
    const cwd = tempDir()
    writeFileSync(join(cwd, 'a.json'), `{"count":1,"data":[${ADA}]}`)
    const run = await kv(['batch-put', '--key', 'id', '--at', 'items', 'a.json'], { store: join(cwd, 'test.kv'), cwd })
    expect([run.code, run.stderr]).toEqual([
      3,
      expect.stringContaining(
        'kv: a.json:1: no field "items"; it has count, data; nothing was stored (KV_INVALID_INPUT)\n',
      ),
    ])
  })

  test('an array in a document that is taken for a record is named as --at takes it', async () => {
    const cwd = tempDir()
    writeFileSync(join(cwd, 'a.json'), `{"count":1,"data":[${ADA}]}`)
    const store = join(cwd, 'test.kv')
    const run = await kv(['batch-put', '--key', 'id', 'a.json'], { store, cwd })
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('--at data')])
  })

  test.for([
    [['--key', '{id'], 'a lone { in the template {id', 'a field is {name}; a brace itself is {{ or }}'],
    [['--key', 'a..b'], 'not a field: a..b', `names are joined by dots; where that is one name: '"a..b"'`],
    [['--at', 'x', '--format', 'csv'], '--at is for JSON', undefined],
  ] as const)('%j is a wrong call', async ([args, message, hint]) => {
    const run = await kv(['batch-put', ...args], { store: await givenStore(), input: LINES })
    expectRun(run, { stderr: errorText(message, 'KV_USAGE', hint), code: 2 })
  })
})

describe('records that delete', () => {
  test('in the order of the records, counted, with a prefix', async () => {
    const store = await givenStore([
      ['p:a', '1'],
      ['p:b', '1'],
      ['p:c', '1'],
    ])
    const input =
      '{"del":"a"}\n{"key":"b","value":"2"}\n{"type":"del","key":"c"}\n{"key":"c","value":"3"}\n{"del_hex":"64"}\n'
    const run = await kv(['batch-put', '--prefix', 'p:'], { store, input })
    expect([run.code, run.stderr]).toEqual([0, expect.stringMatching(/^2 put, 3 deleted, 0 skipped, /)])
    expect(await contents(store)).toEqual([
      ['p:b', '2'],
      ['p:c', '3'],
    ])
    const document = await kv(['batch-put', '--json'], { store, input: '[{"del":"p:b"},["d",1]]' })
    expect(JSON.parse(String(document.stdout))).toMatchObject({ put: 1, deleted: 1, skipped: 0 })
  })

  test.for<[string, string[]]>([
    ['batch by batch', []],
    ['at once', ['--atomic']],
  ])('what kv watch prints, played into another store, makes the same of it: %s', async ([, args]) => {
    const given = [
      ['gone', '1'],
      ['kept', '1'],
      ['left', '1'],
    ] as const
    const [source, replica] = [await givenStore(given), await givenStore(given)]
    const run = shell(
      `kv watch --all --json --limit 8 --store '${source}' | kv batch-put --json ${args.join(' ')} --store '${replica}'`,
    )
    await watched(source)
    const store = await openTestStore(source)
    await store.put('kept', 'z"\n\0é')
    await store.del('gone')
    await store.put(Uint8Array.of(0xff, 0), Uint8Array.of(0, 0xfe), { expires: Date.UTC(2090, 0, 1) })
    await store.put(Uint8Array.of(0xff, 1), '')
    await store.del(Uint8Array.of(0xff, 1))
    await store.put('left', '{"a":1}', { ttl: 3_600_000 })
    await store.put('back', '1')
    await store.put('left', '2', { ttl: 3_600_000 })
    expect(JSON.parse(String((await run).stdout))).toMatchObject({ put: 6, deleted: 2, skipped: 0 })
    const plain = (all: Awaited<ReturnType<typeof entries>>) =>
      all.map(({ key, value, expires }) => [key, value, expires])
    expect(plain(await entries(await openTestStore(replica)))).toEqual(plain(await entries(store)))
  })
})
