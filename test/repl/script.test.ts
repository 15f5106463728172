import { once } from 'node:events'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ended, givenStore, startKv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { hasPrograms, script, scriptProcess } from './scripts.ts'

test('a script has no banner and no prompt, and prints as the shell does', async () => {
  expect(await script('put a 1\n# comment\n\nput b "x\\ny"\nrange\nkv get a\n')).toEqual({
    stdout: '{"key":"a","value":"1"}\n{"key":"b","value":"x\\ny"}\n1',
    stderr: '',
    code: 0,
  })
})

test('a script stops at its first failure, with its exit code and its line', async () => {
  expect(await script("put a '1\n2'\nget nope\ncount")).toEqual({
    stdout: '',
    stderr: 'kv: key not found: nope (KV_NOT_FOUND)\nkv: stopped at script:3 (exit 1)\n',
    code: 1,
  })
})

test('with --keep-going a script goes on, and ends with the first failure', async () => {
  const { stdout, stderr, code } = await script('get --wrong\nget nope\nput a 1; x\ncount', { args: ['--keep-going'] })
  expect(stdout).toBe('0\n')
  expect(stderr.match(/failed at script:\d/g)).toEqual([
    'failed at script:1',
    'failed at script:2',
    'failed at script:3',
  ])
  expect(code).toBe(2)
})

test('a script may be a file, and commands may read files', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'rows.jsonl'), '{"key":"a","value":"1"}\n')
  writeFileSync(join(home, 'value'), 'from a file\n')
  writeFileSync(join(home, 'setup.kv'), 'batch-put --quiet < rows.jsonl\nput b < value\nrange > out.jsonl\n.undo\n')
  expect(await script('', { args: ['setup.kv'], home })).toMatchObject({ stdout: '', code: 0 })
  expect(readFileSync(join(home, 'out.jsonl'), 'utf8')).toBe(
    '{"key":"a","value":"1"}\n{"key":"b","value":"from a file\\n"}\n',
  )
  expect((await script('count', { home })).stdout).toBe('1\n')
})

test('a command of a script does not read the script', async () => {
  const { stderr, code } = await script('put k\nput a 1\n')
  expect(stderr).toContain('a command of a script has no standard input')
  expect(code).toBe(2)
})

test('a batch-put over more bytes than .undo keeps is done, and not undone', async () => {
  const home = tempDir()
  const value = 'x'.repeat(17_000_000)
  writeFileSync(join(home, 'large.jsonl'), `["a","${value}"]\n["b","${value}"]\n`)
  writeFileSync(join(home, 'small.jsonl'), '["a","1"]\n["b","2"]\n')
  const { stdout, stderr, code } = await script('batch-put -q large.jsonl\nbatch-put -q small.jsonl\nrange\n.undo\n', {
    home,
  })
  expect(stdout).toBe('{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n')
  expect(stderr).toContain('too much to undo')
  expect(code).toBe(1)
})

test('a batch-put within the bounds of .undo is undone, a larger one is refused', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'few.jsonl'), '["a","2"]\n["b","2"]\n')
  writeFileSync(join(home, 'many.jsonl'), Array.from({ length: 10_001 }, (_, i) => `["k${i}","v"]\n`).join(''))
  const { stdout, stderr, code } = await script(
    'put a 1\nbatch-put -q few.jsonl\n.undo\nrange\nbatch-put -q many.jsonl\n.undo\n',
    { home },
  )
  expect(stdout).toBe('{"key":"a","value":"1"}\n')
  expect(stderr).toContain('undone: batch-put -q few.jsonl (2 keys)')
  expect(stderr).toContain('too much to undo')
  expect(code).toBe(1)
})

test('a script may check the store', async () => {
  expect(await script('put a 1\ncheck --json\n')).toEqual({
    stdout: expect.stringContaining('"checked":1'),
    stderr: '',
    code: 0,
  })
})

test('bytes that are not UTF-8, and NUL, are refused with line and column, and the lines after them are read', async () => {
  const lines = Buffer.concat([
    Buffer.from('put a 1\nput k caf'),
    Buffer.of(0xe9),
    Buffer.from('\nput b 2\nput é'),
    Buffer.of(0),
    Buffer.from(' 1\nput c 3 > "o'),
    Buffer.of(0xff),
    Buffer.from('"\nrange --keys\n'),
  ])
  const { stdout, stderr, code } = await script(lines, { args: ['--keep-going'] })
  expect(stdout).toBe('a\nb\n')
  expect(stderr.match(/^kv: script:.*$/gm)).toEqual([
    'kv: script:2: invalid UTF-8 at column 10 (KV_USAGE)',
    'kv: script:4: a NUL byte at column 6 (KV_USAGE)',
    'kv: script:5: invalid UTF-8 at column 13 (KV_USAGE)',
  ])
  expect(code).toBe(2)
})

test('the same holds for a file of commands, and for .read', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'latin1'), Buffer.from('put caf\xe9 1\n', 'latin1'))
  const refusal = 'kv: latin1:1: invalid UTF-8 at column 8 (KV_USAGE)\n'
  expect(await script('', { home, args: ['latin1'] })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(refusal),
  })
  expect(await script('.read latin1\n', { home })).toMatchObject({ code: 2, stderr: expect.stringContaining(refusal) })
  expect((await script('count', { home })).stdout).toBe('0\n')
})

test.for<[name: string, lines: string, stdout: string]>([
  [
    'a byte order mark, CRLF, blanks and no last line end',
    '\ufeffput a 1\r\n\r\n  # comment\r\nput b "x\r\ny" > /dev/null\r\nput c \\\r\n  3\r\nrange',
    '{"key":"a","value":"1"}\n{"key":"b","value":"x\\r\\ny"}\n{"key":"c","value":"3"}\n',
  ],
  ['exit', 'put a 1\nexit\nput b 2', ''],
  ['quit', 'count\nquit\ncount', '0\n'],
  ['.exit', 'count\n.exit\ncount', '0\n'],
  ['!COMMAND', '!echo one; echo two\nput a 1\n!cat\nget a', 'one\ntwo\n1'],
  ['a quote over lines', "put a 'one\n!two\nexit'\nget a", 'one\n!two\nexit'],
])('a script knows %s', async ([, lines, stdout]) => {
  expect(await (hasPrograms(lines) ? scriptProcess : script)(lines)).toEqual({ stdout, stderr: '', code: 0 })
})

test('what stands open at the end is refused', async () => {
  for (const [lines, message] of [
    ['count\nput a "x\ny', 'the quote " is not closed'],
    ['count\nput a \\', 'the line ends with a backslash'],
    ['count\ncount | (cat', 'what was begun for the shell is not ended'],
  ]) {
    expect(await script(lines!)).toMatchObject({
      stdout: '0\n',
      code: 2,
      stderr: expect.stringMatching(new RegExp(`${message}.*\\n(hint.*\\n)?kv: stopped at script:2`)),
    })
  }
})

test('with --keep-going only commands fail, not the lines between them', async () => {
  expect(
    (await script('get nope\n\n# comment\ncount\n', { args: ['--keep-going'] })).stderr.match(/failed at.*/g),
  ).toEqual(['failed at script:1 (exit 1)'])
})

test('scripts within scripts say once where they stopped', async () => {
  const home = tempDir()
  writeFileSync(join(home, 'a'), 'count\n.read b\n')
  writeFileSync(join(home, 'b'), 'get nope\n')
  writeFileSync(join(home, 'self'), '.read self\n')
  expect(await script('.read a', { home })).toEqual({
    stdout: '0\n',
    stderr: 'kv: key not found: nope (KV_NOT_FOUND)\nkv: stopped at b:1 (exit 1)\n',
    code: 1,
  })
  expect((await script('.read self', { home })).stderr.match(/stopped at/g)).toHaveLength(1)
  mkdirSync(join(home, 'folder'))
  expect(await script('.read folder\ncount', { home, args: ['--keep-going'] })).toMatchObject({
    stdout: '0\n',
    stderr: expect.stringContaining('cannot read folder: it is a folder (KV_USAGE)'),
    code: 2,
  })
})

test('as a coprocess a session answers each line as it comes', async () => {
  const child = startKv(['repl'], { store: await givenStore([['a', '1']]) })
  const run = ended(child)
  let out = ''
  const answer = async (text: string): Promise<void> => {
    while (!out.endsWith(text)) out += String((await once(child.stdout!, 'data'))[0])
  }
  child.stdin!.write('get a\n')
  await answer('1')
  child.stdin!.write("put b 'two\n")
  child.stdin!.write("lines'\nget b\ncou")
  await answer('two\nlines')
  child.stdin!.write('nt\n')
  await answer('2\n')
  child.stdin!.write('exit\n')
  // Its input is still open.
  expect(await run).toMatchObject({ code: 0, stderr: '' })
})

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends a session that waits for its next line, and takes its snapshot away',
  async (signal) => {
    const temp = tempDir()
    const child = startKv(['repl'], { store: await givenStore([['a', '1']]), env: { TMPDIR: temp } })
    const run = ended(child)
    child.stdin!.write('.snapshot\n')
    await once(child.stderr!, 'data')
    expect(readdirSync(temp)).toHaveLength(1)
    child.kill(signal)
    expect(await run).toMatchObject({ code: null, signal })
    expect(readdirSync(temp)).toEqual([])
  },
)

test.for<[word: string, hint: string]>([
  ['set', 'that is: kv put KEY VALUE'],
  ['GET', 'that is: kv get KEY'],
  ['keys', 'that is: kv range --keys'],
  ['scan', 'that is: kv range'],
  ['gte', 'did you mean get?'],
  ['?', '.help lists the commands of a session, help those of kv'],
  [':q', '.exit leaves, and so does Ctrl-D'],
  ['undo', 'in a session that is: .undo'],
  ['.exti', 'did you mean .exit?'],
  ['.tables', 'range --keys lists the keys'],
  ['.get', 'that is: get'],
  ['nothing-like-it', 'help lists the commands, .help those of a session'],
])('a word that is no command leads to the one that does it: %s', async ([word, hint]) => {
  expect(await script(`${word} a 1`)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      new RegExp(
        `^kv: (unknown|no such) command:? .* \\(KV_USAGE\\)\nhint: ${hint.replaceAll(/[.?]/g, String.raw`\$&`)}\n`,
      ),
    ),
  })
})

test.for<[line: string, message: string]>([
  ['.open', '.open needs a LOCATION'],
  ['.read a b', '.read takes one FILE, not 2'],
  ['.save', '.save needs a FILE'],
  ['.mode markdown', 'unknown format: markdown'],
  ['.exit now', '.exit takes no argument'],
  ['repl', 'this is a session already'],
  ['kv', 'this is a session already'],
])('a wrong call says what is wrong: %s', async ([line, message]) => {
  expect(await script(line)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(`kv: ${message} (KV_USAGE)`),
  })
})

test('help in a session tells of .help, and lists no session', async () => {
  const { stdout } = await script('help')
  expect(stdout).toContain('.help lists what it has besides')
  expect(stdout).not.toMatch(/^ {2}repl/m)
})

test.for(['help .undo', 'help undo', '.help .undo'])('%s explains a command of the session', async (line) => {
  const { stdout, stderr, code } = await script(`${line}\n`)
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  expect(stdout).toMatch(/^Usage: \.undo\n/)
})

test('.snapshot without a place for it fails, and the session goes on', async () => {
  const { stdout, stderr, code } = await scriptProcess('put a 1\n.snapshot\nget a', {
    args: ['--keep-going'],
    env: { TMPDIR: '/nonexistent' },
  })
  expect(stderr).toMatch(
    /^kv: cannot make a folder for the copy in \/nonexistent: no such file or folder \(KV_UNAVAILABLE\)\nhint: /,
  )
  expect([stdout, code]).toEqual(['1', 4])
})
