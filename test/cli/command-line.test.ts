import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { IS_NATIVE, contents, errorText, expectRun, givenStore, kv, shell } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { FORMAT_NAMES } from '../../src/formats/index.ts'

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

  test.for([
    ['get', '--help'],
    ['--help', 'get'],
    ['-h', 'get'],
    ['-qh', 'get'],
    ['get', '-hq'],
    ['get', '--help', '--store'],
    ['help', 'get'],
  ])('ask for the help of a command from anywhere: kv %j', async (args) => {
    const { stdout, stderr, code } = await kv(args)
    expect({ first: stdout.toString().split('\n')[0], stderr, code }).toEqual({
      first: 'Usage: kv get [options] <KEY...>',
      stderr: '',
      code: 0,
    })
  })

  test.for(['--version', '-V'])('%s prints the version', async (flag) => {
    expect((await kv([flag])).stdout.toString()).toMatch(
      IS_NATIVE ? /^\d+\.\d+\.\d+ \(Bun [\d.]+, SQLite [\d.]+\)\n$/ : /^\d+\.\d+\.\d+\n$/,
    )
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

describe('a variable of a script that is empty, or not set', () => {
  test.for([
    [
      `kv del --prefix $X --yes`,
      '--prefix needs a value, and --yes is an option',
      'for that very text: --prefix=--yes',
    ],
    [
      `kv put k new --ttl $X --if-absent`,
      '--ttl needs a value, and --if-absent is an option',
      'for that very text: --ttl=--if-absent',
    ],
    [
      `kv put k new --store $X --if-absent`,
      '--store needs a value, and --if-absent is an option',
      'for that very text: --store=--if-absent',
    ],
    [`kv range --prefix $X -- a b`, '--prefix needs a value, and -- is an option', 'for that very text: --prefix=--'],
    [
      `kv get k --default $X --format=raw`,
      '--default needs a value, and --format=raw is an option',
      'for that very text: --default=--format=raw',
    ],
    [`kv get k --default $X -q`, '--default needs a value, and -q is an option', 'for that very text: --default=-q'],
    [`kv serve --host "$X" --insecure`, '--host needs a value, not an empty word', undefined],
    [`kv bench --html="$X"`, '--html needs a value, not an empty word', undefined],
    [`kv put k new --ttl "$X"`, '--ttl needs a value, not an empty word', undefined],
    [`kv put k --file "$X"`, '--file needs a value, not an empty word', undefined],
    [`kv batch-put --on-error skip --rejects "$X" f`, '--rejects needs a value, not an empty word', undefined],
    [`kv batch-put "$X"`, 'the name of a file is empty', undefined],
    [`kv batch-put $X </dev/null`, 'no input', 'name files, or send records through a pipe'],
    [
      `kv put k $X </dev/null`,
      'no VALUE',
      'give it as an argument (after -- if it begins with -), with --file, or through a pipe; "" is the empty value',
    ],
    [
      `kv watch --prefix "$X"`,
      'an empty prefix means every key of the store',
      'if that is what you want: kv watch --all',
    ],
    [`kv range a "$X"`, 'END is empty, and no key is before it', 'for a range without end leave it out'],
    [`kv "$X" get k`, 'unknown command ""', 'kv --help lists the commands'],
  ] as const)('is no word by accident: %s', async ([command, message, hint]) => {
    const store = await givenStore([['k', 'old']])
    expectRun(await shell(`X=; ${command}`, { env: { KV_STORE: store } }), {
      stderr: errorText(message, 'KV_USAGE', hint),
      code: 2,
    })
    expect(await contents(store)).toEqual([['k', 'old']])
  })

  test.for([
    [['range', '--prefix', '', '--keys'], 'k\n'],
    [['range', '--after', '', '--keys'], 'k\n'],
    [['get', 'none', '--default', ''], ''],
    [['get', 'none', '--default=-q'], '-q'],
    [['batch-put', '-', '-q'], ''],
  ] as const)('is a word where that is meant: kv %j', async ([args, stdout]) => {
    expectRun(await kv(args, { store: await givenStore([['k', 'old']]) }), { stdout })
  })
})

describe('what other programs call it', () => {
  test.for([
    [
      'put k v --ex 60',
      '--ex',
      'that is: --ttl TIME, such as --ttl 60s; if it is a value, it stands after --: kv put KEY -- --ex',
    ],
    ['put k v --nx', '--nx', 'that is: --if-absent; if it is a value, it stands after --: kv put KEY -- --nx'],
    ['get k --jq .a', '--jq', 'that is: --field FIELD; if it is a key, it stands after --: kv get -- --jq'],
    [
      'range --select a',
      '--select',
      'that is: --columns NAMES; if it is a key, it stands after --: kv range -- --select',
    ],
    ['batch-put --pk id', '--pk', 'that is: --key FIELD; if it is a file, it stands after --: kv batch-put -- --pk'],
    ['ls --prefix a', '--prefix', 'that is: kv ls PREFIX; if it is a key, it stands after --: kv ls -- --prefix'],
    ['revert a --at 3', '--at', 'that is: --to MOMENT; if it is a key, it stands after --: kv revert -- --at'],
    ['get a --rev 3', '--rev', 'that is: --at MOMENT; if it is a key, it stands after --: kv get -- --rev'],
    ['history --off', '--off', 'that is: kv history off; if it is a key, it stands after --: kv history -- --off'],
    ['del --force a', '--force', 'that is: --yes; if it is a key, it stands after --: kv del -- --force'],
    [
      'range --from=a',
      '--from=a',
      'that is: kv range START END; if it is a key, it stands after --: kv range -- --from=a',
    ],
    ['get a --raw', '--raw', 'that is: --format raw; if it is a key, it stands after --: kv get -- --raw'],
    ['--db x get a', '--db', 'that is: --store FILE; kv --help lists the options; -- ends them'],
  ] as const)('kv %s', async ([words, option, hint]) => {
    expectRun(await kv(words.split(' ')), { stderr: errorText(`unknown option ${option}`, 'KV_USAGE', hint), code: 2 })
  })

  test.for([
    ['quit', '.exit, within a session (kv repl)'],
    ['SET', 'kv put KEY VALUE'],
    ['mv', 'kv rename OLD NEW'],
  ] as const)('kv %s', async ([word, use]) => {
    expectRun(await kv([word]), {
      stderr: errorText(`unknown command ${word}`, 'KV_USAGE', `that is: ${use}`),
      code: 2,
    })
  })
})

describe('a variable whose value is wrong', () => {
  test.for([
    ['KV_FORMAT', 'nope', 'unknown format: nope', `one of ${FORMAT_NAMES.join(' ')}`],
    [
      'KV_LOCK_TIMEOUT',
      'x',
      'not a lock timeout: x',
      'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds',
    ],
    ['KV_TIMEOUT', '0', 'not a timeout: 0', 'write a time as 500ms, 90s, 10m, 2h or 7d; a plain number is seconds'],
  ] as const)('is named: %s=%s', async ([name, value, message, hint]) => {
    expectRun(await kv(['count'], { env: { [name]: value } }), {
      stderr: errorText(`${name}: ${message}`, 'KV_USAGE', hint),
      code: 2,
    })
  })

  test('of XDG_DATA_HOME, being relative, counts as not set', async () => {
    const HOME = tempDir()
    expectRun(await kv(['put', 'a', '1'], { env: { HOME, XDG_DATA_HOME: 'data' } }), {})
    expect(existsSync(join(HOME, '.local/share/kv/default.kv'))).toBe(true)
  })
})

describe('variables that are not UTF-8', () => {
  const hint = 'name the store with --store, by a path of UTF-8 text'

  test.for([
    ['KV_STORE', hint],
    ['XDG_DATA_HOME', hint],
    ['HOME', hint],
    ['KV_FORMAT', undefined],
    ['KV_TOKEN_FILE', undefined],
  ] as const)('%s is refused, and two broken names are not one', async ([name, help]) => {
    const { stdout, stderr, code } = await shell(`export ${name}="$(printf 'x\\377')"; kv put a 1; kv get a`)
    expect(stdout.toString()).toBe('')
    expect(stderr).toBe(errorText(`${name} is not valid UTF-8`, 'KV_USAGE', help).repeat(2))
    expect(code).toBe(2)
  })

  test('are no matter where they are not used', async () => {
    const store = await givenStore([['a', '1']])
    expectRun(await shell(`HOME="$(printf 'x\\377')" KV_STORE="$(printf 'x\\376')" kv --store '${store}' get a`), {
      stdout: '1',
    })
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
    expect(
      (
        await shell(`${stderr.split('\n')[1]!.slice('hint: make it first: '.length)} && kv --store "${path}" put a 1`, {
          cwd,
        })
      ).code,
    ).toBe(0)
  })

  test('names the file that stands where a folder should', async () => {
    const cwd = tempDir()
    writeFileSync(join(cwd, 'file.kv'), '')
    for (const args of [
      ['put', 'a', '1'],
      ['get', 'a'],
    ]) {
      expectRun(await kv(['--store', 'file.kv/y/z', ...args], { cwd }), {
        stderr: errorText(`cannot open ${cwd}/file.kv/y/z: ${cwd}/file.kv is a file, not a folder`, 'KV_UNAVAILABLE'),
        code: 4,
      })
    }
  })

  test.for([
    ['dir/', 'dir/ names a folder', 'name a file in it, such as dir/default.kv'],
    ['file:no dir/', 'file:no dir/ names a folder', "name a file in it, such as 'file:no dir/default.kv'"],
    [
      '~nobody/x.kv',
      'no shell has expanded the store ~nobody/x.kv',
      'write the whole path; a folder of that name is ./~nobody/x.kv',
    ],
    [
      '$HOME/x.kv',
      'no shell has expanded the store $HOME/x.kv',
      "write the whole path; a folder of that name is './$HOME/x.kv'",
    ],
    [
      '${HOME}/x.kv',
      'no shell has expanded the store ${HOME}/x.kv',
      "write the whole path; a folder of that name is './${HOME}/x.kv'",
    ],
  ] as const)('is not guessed: %s', async ([path, message, hint]) => {
    const cwd = tempDir()
    for (const args of [
      ['put', 'a', '1'],
      ['get', 'a'],
    ]) {
      expectRun(await kv(args, { cwd, env: { KV_STORE: path } }), {
        stderr: errorText(message, 'KV_USAGE', hint),
        code: 2,
      })
    }
    expect(readdirSync(cwd)).toEqual([])
  })

  test('~ leads to the home folder also where no shell has expanded it', async () => {
    const HOME = tempDir()
    mkdirSync(join(HOME, 'data'))
    expectRun(await kv(['--store=~/data/t.kv', 'put', 'a', '1'], { env: { HOME } }), {})
    expectRun(await kv(['get', 'a'], { env: { HOME, KV_STORE: '~/data/t.kv' } }), { stdout: '1' })
    expect(existsSync(join(HOME, 'data/t.kv'))).toBe(true)
    expectRun(await kv(['--store=~/no/t.kv', 'put', 'a', '1'], { env: { HOME } }), {
      stderr: errorText(
        `cannot make ${HOME}/no/t.kv: its folder does not exist`,
        'KV_UNAVAILABLE',
        `make it first: mkdir -p ${HOME}/no`,
      ),
      code: 4,
    })
  })
})

describe('the working folder', () => {
  // Bun itself does not start there.
  test.skipIf(IS_NATIVE)('that is gone is told, and where no relative path is used does not matter', async () => {
    const store = await givenStore([['a', '1']])
    const gone = (command: string): string => `mkdir d && cd d && rmdir ../d && ${command}`
    for (const command of ['kv --store rel.kv get a', 'kv --store rel.kv put a 1', 'kv --store file:rel.kv count']) {
      expectRun(await shell(gone(command)), {
        stderr: errorText(
          'cannot open rel.kv: the working folder is gone',
          'KV_UNAVAILABLE',
          'cd to a folder that is there, or write the whole path',
        ),
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
    expect({ stdout: stdout.toString(), stderr, code }).toEqual({
      stdout: '1rel.kv\n',
      stderr: 'ok: 1 entry checked, 0 without a checksum\n',
      code: 0,
    })
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
    expectRun(await shell(script), {
      stderr: errorText('cannot read no/such: no such file or folder', 'KV_USAGE'),
      code: 2,
    })
  })
})
