import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorText, expectRun, givenStore, kv, shell } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

describe('flags', () => {
  test.for([
    [['del', '-yq', '--prefix', 'a'], '1\n'],
    [['del', '-qy', '--prefix', 'a'], '1\n'],
    [['-q', 'del', '-y', '--prefix', 'a'], '1\n'],
    [['range', '--keys', '-0q'], 'a\0'],
    [['range', '--keys', '-q0'], 'a\0'],
  ] as const)('of a command and of every command may be written together: kv %j', async ([args, stdout]) => {
    expectRun(await kv(args, { store: await givenStore([['a', '1']]) }), { stdout })
  })

  test.for([
    [['put', 'k', '--', '-yq'], '-yq'],
    [['put', 'k', '-5'], '-5'],
    [['put', 'k', '-50'], '-50'],
    [['put', 'k', 'v', '--if-value', '-qq'], 'old'],
  ] as const)('are not looked for in values: kv %j', async ([args, value]) => {
    const store = await givenStore([['k', 'old']])
    await kv(args, { store })
    expectRun(await kv(['get', 'k'], { store }), { stdout: value })
  })

  test('written together, of which one is unknown, are refused by its name', async () => {
    expectRun(await kv(['get', '-qx']), {
      stderr: errorText('unknown option -x', 'KV_USAGE', 'if it is a key, it stands after --: kv get -- -x'),
      code: 2,
    })
  })

  test.for([['get', '--help'], ['--help', 'get'], ['-h', 'get'], ['-qh', 'get'], ['get', '-hq'], ['get', '--help', '--store'], ['help', 'get']])(
    'ask for the help of a command from anywhere: kv %j',
    async (args) => {
      const { stdout, stderr, code } = await kv(args)
      expect({ first: stdout.toString().split('\n')[0], stderr, code }).toEqual({ first: 'Usage: kv get [options] <KEY...>', stderr: '', code: 0 })
    },
  )

  test.for(['--version', '-V'])('%s prints the version', async (flag) => {
    expect((await kv([flag])).stdout.toString()).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('kv alone', () => {
  const HINT = '\nTo run the commands of standard input: kv repl\n'

  test.for([
    ['echo get a | kv', true],
    ['echo get a > f && kv < f', true],
    ['kv < /dev/null', false],
  ] as const)('prints its help and names kv repl where commands come: %s', async ([script, hint]) => {
    const { stdout, stderr, code } = await shell(script)
    expect({ stdout: stdout.toString(), code, hint: stderr.endsWith(HINT) }).toEqual({ stdout: '', code: 2, hint })
    expect(stderr).toMatch(/^Usage: kv /)
  })
})

describe('variables that are not UTF-8', () => {
  test.for(['KV_STORE', 'XDG_DATA_HOME', 'HOME', 'KV_FORMAT', 'KV_TOKEN_FILE'])('%s is refused, and two broken names are not one', async (name) => {
    const { stdout, stderr, code } = await shell(`export ${name}="$(printf 'x\\377')"; kv put a 1; kv get a`)
    expect(stdout.toString()).toBe('')
    expect(stderr).toBe(errorText(`${name} is not valid UTF-8`, 'KV_USAGE', 'name the store with --store, by a path of UTF-8 text').repeat(2))
    expect(code).toBe(2)
  })

  test('are no matter where they are not used', async () => {
    const store = await givenStore([['a', '1']])
    expectRun(await shell(`HOME="$(printf 'x\\377')" KV_STORE="$(printf 'x\\376')" kv --store '${store}' get a`), { stdout: '1' })
  })

  test('a true U+FFFD is a character like any other', async () => {
    const folder = tempDir()
    const env = { KV_STORE: join(folder, 'a\ufffd.kv') }
    expectRun(await kv(['put', 'k\ufffd', 'v\ufffd'], { env }), {})
    expect(existsSync(env.KV_STORE)).toBe(true)
    expectRun(await kv(['get', 'k\ufffd'], { env }), { stdout: 'v\ufffd' })
  })
})

describe('the way to a store that is not there', () => {
  test.for([
    ["no dir's; rm -rf x/x.kv", `hint: make it first: mkdir -p '$PWD/no dir'\\''s; rm -rf x'`],
    ['no/x.kv', 'hint: make it first: mkdir -p $PWD/no'],
  ] as const)('is a line that can be pasted: %s', async ([path, hint]) => {
    const cwd = tempDir()
    const { stderr, code } = await kv(['--store', path, 'put', 'a', '1'], { cwd })
    expect({ hint: stderr.split('\n')[1], code }).toEqual({ hint: hint.replace('$PWD', cwd), code: 4 })
    expect((await shell(`${stderr.split('\n')[1]!.slice('hint: make it first: '.length)} && kv --store "${path}" put a 1`, { cwd })).code).toBe(0)
  })

  test('names the file that stands where a folder should', async () => {
    const cwd = tempDir()
    writeFileSync(join(cwd, 'file.kv'), '')
    for (const args of [['put', 'a', '1'], ['get', 'a']]) {
      expectRun(await kv(['--store', 'file.kv/y/z', ...args], { cwd }), {
        stderr: errorText(`cannot open ${cwd}/file.kv/y/z: ${cwd}/file.kv is a file, not a folder`, 'KV_UNAVAILABLE'),
        code: 4,
      })
    }
  })

  test('~ leads to the home folder also where no shell has expanded it', async () => {
    const HOME = tempDir()
    mkdirSync(join(HOME, 'data'))
    expectRun(await kv(['--store=~/data/t.kv', 'put', 'a', '1'], { env: { HOME } }), {})
    expectRun(await kv(['get', 'a'], { env: { HOME, KV_STORE: '~/data/t.kv' } }), { stdout: '1' })
    expect(existsSync(join(HOME, 'data/t.kv'))).toBe(true)
    expectRun(await kv(['--store=~/no/t.kv', 'put', 'a', '1'], { env: { HOME } }), {
      stderr: errorText(`cannot make ${HOME}/no/t.kv: its folder does not exist`, 'KV_UNAVAILABLE', `make it first: mkdir -p ${HOME}/no`),
      code: 4,
    })
  })
})

describe('the working folder', () => {
  test('that is gone is told, and where no relative path is used does not matter', async () => {
    const store = await givenStore([['a', '1']])
    const gone = (command: string): string => `mkdir d && cd d && rmdir ../d && ${command}`
    for (const command of ['kv --store rel.kv get a', 'kv --store rel.kv put a 1', 'kv --store file:rel.kv count']) {
      expectRun(await shell(gone(command)), {
        stderr: errorText('cannot open rel.kv: the working folder is gone', 'KV_UNAVAILABLE', 'cd to a folder that is there, or write the whole path'),
        code: 4,
      })
    }
    expectRun(await shell(gone(`kv --store '${store}' get a`)), { stdout: '1' })
    expectRun(await shell(gone('kv put b 2 && kv get b')), { stdout: '2' })
  })

  test('whose name is not UTF-8 holds stores like any other', async (context) => {
    if (process.platform !== 'linux') context.skip('names are text here')
    const script = `d="$(printf 'x\\377')"; mkdir "$d" && cd "$d" && kv --store rel.kv put a 1 && kv --store rel.kv get a && kv --store ./rel.kv check >&2 && ls -A`
    const { stdout, stderr, code } = await shell(script)
    expect({ stdout: stdout.toString(), stderr, code }).toEqual({ stdout: '1rel.kv\n', stderr: 'ok: 1 entry checked, 0 without a checksum\n', code: 0 })
  })
})

describe('a file that cannot be read', () => {
  test.for([
    'kv repl no/such',
    'kv put k --file no/such',
    'kv batch-put no/such',
    'kv serve --port 0 --token-file no/such',
    'kv serve --port 0 --cert no/such --key no/such',
    'kv bench --compare no/such',
    'KV_TOKEN_FILE=no/such kv get a --store http://127.0.0.1:1',
    'echo "put k < no/such" | kv repl 2>&1 >/dev/null | head -1 >&2; exit 2',
    'echo ".read no/such" | kv repl 2>&1 >/dev/null | head -1 >&2; exit 2',
  ])('is told in one way: %s', async (script) => {
    expectRun(await shell(script), { stderr: errorText('cannot read no/such: no such file or folder', 'KV_USAGE'), code: 2 })
  })
})
