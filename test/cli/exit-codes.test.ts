import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorText, expectRun, givenStore, kv, shell } from '../helpers/kv.ts'
import { holdLock } from '../helpers/lock.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** How a user causes each code: a shell script in a folder with a store `s.kv` that holds a=1. */
const CAUSES: readonly { code: string; exit: number; script: string; stdout?: string; message: RegExp }[] = [
  { code: 'KV_NOT_FOUND', exit: 1, script: 'kv get b', message: /^key not found: b/ },
  { code: 'KV_CONDITION', exit: 1, script: 'kv put a 2 --if-absent', message: /^not stored: a exists/ },
  { code: 'KV_USAGE', exit: 2, script: 'kv pot a', message: /^unknown command pot/ },
  { code: 'KV_INVALID_KEY', exit: 2, script: "kv get ''", message: /^the empty key/ },
  {
    code: 'KV_TOO_LARGE',
    exit: 2,
    script: 'kv get "$(head -c 70000 /dev/zero | tr "\\0" k)"',
    message: /^a key of 70000 bytes is over this store's limit of 65535/,
  },
  { code: 'KV_INVALID_INPUT', exit: 3, script: 'echo "{" | kv batch-put', message: /^stdin:1: / },
  { code: 'KV_UNAVAILABLE', exit: 4, script: 'kv --store no/such/folder/s.kv put a 1', message: /^cannot make / },
  {
    code: 'KV_FOREIGN',
    exit: 4,
    script: 'echo some text that is no store > t; kv --store t put a 1',
    message: /is not a kv store/,
  },
  { code: 'KV_OUTPUT', exit: 4, script: 'kv get a > /dev/full', message: /^no space left to write the output/ },
]

describe('exit codes', () => {
  test.for(CAUSES)('$code ends with exit $exit: $script', async ({ code, exit, script, stdout = '', message }) => {
    const store = await givenStore([['a', '1']])
    const run = await shell(script, { store })
    expect({ code: run.code, stdout: run.stdout.toString() }).toEqual({ code: exit, stdout })
    const [line, ...more] = run.stderr.trimEnd().split('\n')
    expect(line).toMatch(new RegExp(`^kv: .* \\(${code}\\)$`))
    expect(line!.slice('kv: '.length)).toMatch(message)
    expect(more.filter((text) => !text.startsWith('hint: '))).toEqual([])
  })

  test('0 is for what was done', async () => {
    expectRun(await kv(['put', 'k', 'v'], { store: await givenStore() }), {})
  })

  test('an error names its way out in a second line', async () => {
    expectRun(await kv(['pot'], {}), {
      stderr: 'kv: unknown command pot (KV_USAGE)\nhint: did you mean put?\n',
      code: 2,
    })
  })

  test.for([
    [['get', '-k x'], 'unknown option -k x', "if it is a key, it stands after --: kv get -- '-k x'"],
    [
      ['get', '--jsn', 'k'],
      'unknown option --jsn',
      'did you mean --json?; if it is a key, it stands after --: kv get -- --jsn',
    ],
    [['rang'], 'unknown command rang', 'did you mean range?'],
    [['xyzzy'], 'unknown command xyzzy', 'kv --help lists the commands'],
    [['set', 'a', '1'], 'unknown command set', 'that is: kv put KEY VALUE'],
    [['SET', 'a', '1'], 'unknown command SET', 'that is: kv put KEY VALUE'],
    [['GET', 'a'], 'unknown command GET', 'that is: kv get KEY'],
    [['rm', 'a'], 'unknown command rm', 'that is: kv del KEY'],
    [['remove', 'a'], 'unknown command remove', 'that is: kv del KEY'],
    [['list'], 'unknown command list', 'that is: kv ls PREFIX'],
    [['keys'], 'unknown command keys', 'that is: kv range --keys'],
    [['scan'], 'unknown command scan', 'that is: kv range'],
    [['mget', 'a', 'b'], 'unknown command mget', 'that is: kv get KEY'],
    [['exists', 'a'], 'unknown command exists', 'that is: kv count KEY KEY'],
    [['version'], 'unknown command version', 'that is: kv --version'],
    [["it's"], "unknown command it's", 'kv --help lists the commands'],
    [['a\u001b[31m\n'], 'unknown command a\\x1b[31m\\n', 'kv --help lists the commands'],
    [['--nothing'], 'unknown option --nothing', 'kv --help lists the options; -- ends them'],
    [['range', '--limit'], '--limit needs a value', 'kv range --help shows how it is called'],
    [['--store'], '--store needs a value', 'kv --help lists commands and options'],
    [['--store', '', 'count'], 'the store location is empty', 'give a path with --store or KV_STORE'],
    [
      ['--store', 'ftp://host/x', 'count'],
      'no driver for ftp: stores',
      expect.stringContaining('a path, or one of file:'),
    ],
  ] as const)('kv %j is a wrong call', async ([args, message, hint]) => {
    const { stdout, stderr, code } = await kv(args)
    expect({ stdout: stdout.toString(), code }).toEqual({ stdout: '', code: 2 })
    const [first, second, ...rest] = stderr.split('\n')
    expect([first, second?.replace(/^hint: /, ''), rest]).toEqual([`kv: ${message} (KV_USAGE)`, hint, ['']])
  })

  test('a locked store is waited for as long as --lock-timeout says, then exit 4', async () => {
    const store = await givenStore([['a', '1']])
    const release = await holdLock(store)
    const began = performance.now()
    const run = await kv(['put', 'a', '2', '--lock-timeout', '700ms'], { store })
    const took = performance.now() - began
    expectRun(run, {
      stderr:
        /^kv: \S+test\.kv is locked by process \d+ .* \(KV_LOCKED\)\nhint: wait for it, or give more time with --lock-timeout 60s\n$/,
      code: 4,
    })
    expect(took).toBeGreaterThan(650)
    expect(took).toBeLessThan(10_000)
    expectRun(await kv(['put', 'a', '2'], { store, env: { KV_LOCK_TIMEOUT: '0' } }), {
      stderr: /\(KV_LOCKED\)/,
      code: 4,
    })
    expectRun(await kv(['get', 'a'], { store }), { stdout: '1' })
    await release()
    expectRun(await kv(['put', 'a', '2', '--lock-timeout', '0'], { store }), {})
  })

  test('a writer that gets the lock in time goes on', async () => {
    const store = await givenStore([['a', '1']])
    const release = await holdLock(store)
    const waiting = kv(['put', 'a', '2', '--lock-timeout', '20s'], { store })
    await release()
    expectRun(await waiting, {})
    expectRun(await kv(['get', 'a'], { store }), { stdout: '2' })
  })

  test.for([
    ['text', Buffer.from('just some text, longer than a header of any kind\n'.repeat(10))],
    ['zeroes', Buffer.alloc(8192)],
    ['the start of a database', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(84, 1)])],
  ] as const)('a file of %s is refused by every command and left as it was', async ([, bytes]) => {
    const store = join(tempDir(), 'foreign')
    writeFileSync(store, bytes)
    const { mtimeMs } = statSync(store)
    for (const args of [
      ['get', 'k'],
      ['put', 'k', 'v'],
      ['range'],
      ['count'],
      ['del', 'k'],
      ['del', '--all', '--yes'],
      ['ttl', 'k'],
      ['stat'],
      ['check'],
      ['batch-put'],
    ]) {
      const { code, stderr } = await kv(args, { store, input: '{"key":"a","value":"b"}\n' })
      expect({
        args,
        code,
        lines: stderr
          .trimEnd()
          .split('\n')
          .filter((line) => !line.startsWith('hint: ')).length,
      }).toEqual({ args, code: 4, lines: 1 })
      expect(stderr).toMatch(/\((KV_FOREIGN|KV_CORRUPT)\)/)
    }
    expect(readFileSync(store).equals(bytes)).toBe(true)
    expect(statSync(store).mtimeMs).toBe(mtimeMs)
    expect(existsSync(`${store}-wal`)).toBe(false)
  })

  test('a folder is no store', async () => {
    const { code, stderr } = await kv(['put', 'k', 'v'], { store: tempDir() })
    expect(code).toBe(4)
    expect(stderr).toMatch(/^kv: .* \(KV_\w+\)\n(hint: .*\n)?$/)
  })

  test('--debug shows the stack of an error, and without it there is none', async () => {
    const store = await givenStore()
    const plain = await kv(['get', 'k'], { store })
    expectRun(plain, { stderr: errorText('key not found: k', 'KV_NOT_FOUND'), code: 1 })
    for (const run of [
      await kv(['get', 'k', '--debug'], { store }),
      await kv(['get', 'k'], { store, env: { KV_DEBUG: '1' } }),
    ]) {
      expectRun(run, { stderr: /^kv: key not found: k \(KV_NOT_FOUND\)\nKvError: key not found: k\n    at /, code: 1 })
    }
  })

  test('--no-input makes a value that is missing a wrong call only on a terminal', async () => {
    expectRun(await kv(['put', 'k', '--no-input'], { store: await givenStore(), input: 'v' }), {})
  })
})

describe('the default store', () => {
  test('stands below XDG_DATA_HOME, in a folder of the user alone, made by the first write', async () => {
    const data = join(tempDir(), 'data')
    mkdirSync(data)
    const env = { XDG_DATA_HOME: data }
    expectRun(await kv(['get', 'k'], { env }), { stderr: errorText('key not found: k', 'KV_NOT_FOUND'), code: 1 })
    expectRun(await kv(['range'], { env }), {})
    expect(existsSync(join(data, 'kv'))).toBe(false)
    expectRun(await kv(['put', 'k', 'v'], { env }), {})
    expect((statSync(join(data, 'kv')).mode & 0o777).toString(8)).toBe('700')
    expect((statSync(join(data, 'kv', 'default.kv')).mode & 0o777).toString(8)).toBe('600')
    expectRun(await kv(['get', 'k'], { env }), { stdout: 'v' })
  })

  test('stands below ~/.local/share without XDG_DATA_HOME', async () => {
    const HOME = tempDir()
    expectRun(await kv(['put', 'k', 'v'], { env: { HOME } }), {})
    expect(existsSync(join(HOME, '.local/share/kv/default.kv'))).toBe(true)
  })

  test('is not made where there is no home', async () => {
    expectRun(await kv(['count'], { env: { HOME: '' } }), {
      stderr: errorText(
        'no place for the store: neither HOME nor XDG_DATA_HOME is set',
        'KV_USAGE',
        'name one with --store FILE or KV_STORE',
      ),
      code: 2,
    })
  })

  test('gives way to KV_STORE, and that to --store', async () => {
    const [a, b] = [await givenStore([['k', 'a']]), await givenStore([['k', 'b']])]
    expectRun(await kv(['get', 'k'], { env: { KV_STORE: a } }), { stdout: 'a' })
    expectRun(await kv(['get', 'k'], { env: { KV_STORE: a }, store: b }), { stdout: 'b' })
    expectRun(await kv(['get', 'k', '--store', b], { env: { KV_STORE: a } }), { stdout: 'b' })
    expectRun(await kv(['get', 'k', `--store=${b}`], { env: { KV_STORE: a } }), { stdout: 'b' })
  })

  test('a store may be a path in the current folder or a file: URL', async () => {
    const cwd = tempDir()
    expectRun(await kv(['put', 'k', 'v', '--store', 'here.kv'], { cwd }), {})
    expectRun(await kv(['get', 'k', '--store', `file://${cwd}/here.kv`]), { stdout: 'v' })
    expectRun(await kv(['get', 'k', '--store', 'file:here.kv'], { cwd }), { stdout: 'v' })
  })

  test('a new store in a folder that exists is readable by the user alone', async () => {
    const store = await givenStore()
    expectRun(await kv(['put', 'k', 'v'], { store }), {})
    expect((statSync(store).mode & 0o777).toString(8)).toBe('600')
  })

  test('a store that may not be written can be read, and a write says so', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may write everything')
    const store = await givenStore([['k', 'v']])
    chmodSync(store, 0o400)
    expectRun(await kv(['get', 'k'], { store }), { stdout: 'v' })
    expectRun(await kv(['put', 'k', 'w'], { store }), { stderr: /\(KV_READ_ONLY\)/, code: 4 })
  })
})
