import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Given, contents, givenStore, kv } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { type TerminalOptions, needTerminal, terminal, terminalShell } from '../helpers/terminal.ts'

beforeEach((context) => needTerminal(context))

/** Text that would clear a screen, set a title, ring, go back over a line, and reorder what follows. */
const HOSTILE = 'x\u001b[2J\u001b]0;title\u0007\b\r\u009b31m\u202ey\u2066z\u007f\u2028w'

/** Runs kv to its end in a terminal; what the screen and the wire hold then. */
async function shown(
  args: readonly string[],
  options: TerminalOptions = {},
): Promise<{ screen: string; raw: string; code: number }> {
  const tty = terminal(args, options)
  const { code } = await tty.ended
  return { screen: tty.screen(), raw: tty.raw, code }
}

/** Whatever a terminal obeys, besides the line ends that it makes itself. */
const OBEYED =
  /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)/

describe('a value on a terminal', () => {
  test.for([
    ['text gets a line end', 'Ada', 'Ada\r\n'],
    ['line feeds and tabs stay', 'a\n\tb', 'a\r\n\tb\r\n'],
    [
      'controls are escaped',
      HOSTILE,
      'x\\x1b[2J\\x1b]0;title\\x07\\x08\\r\\x9b31m\\u{202e}y\\u{2066}z\\x7f\\u{2028}w\r\n',
    ],
    ['binary is summarized', new Uint8Array(12_000).fill(0xff), '(binary, 12 kB)\r\n'],
    ['an empty value is an empty line', '', '\r\n'],
  ] as const)('%s', async ([, value, raw]) => {
    expect(await shown(['get', 'k'], { store: await givenStore([['k', value]]) })).toMatchObject({ raw, code: 0 })
  })

  test('--format raw sends the exact bytes', async () => {
    const store = await givenStore([['k', 'a\u001b[1mb']])
    expect(await shown(['get', 'k', '--format', 'raw'], { store })).toMatchObject({ raw: 'a\u001b[1mb', code: 0 })
  })

  test('a missing key is named without its controls', async () => {
    const { raw, code } = await shown(['get', HOSTILE], { store: await givenStore() })
    expect(code).toBe(1)
    expect(raw).not.toMatch(OBEYED)
  })
})

describe('a table', () => {
  const LONG: readonly Given[] = [
    [
      'user:1',
      'a value that is much longer than any of these screens is wide, so that it must be cut somewhere, or else',
    ],
    ['a key that is far too long for a narrow screen as well', 'short'],
    ['wide', '漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字'],
    ['emoji', '😀'.repeat(80)],
    ['é', 'e\u0301'.repeat(100)],
  ]

  test.for([20, 40, 80, 200])('fits %d columns, a line an entry', async (columns) => {
    const { screen } = await shown(['range'], { store: await givenStore(LONG), columns })
    const lines = screen.split('\n')
    expect(lines).toHaveLength(LONG.length + 3)
    expect(lines[0]).toMatch(/^KEY +VALUE$/)
    expect(lines[1]).toMatch(/^─+ {2}─+$/)
    expect(lines.at(-1)).toBe('(5 rows)')
  })

  test('is the default for entries, with a line that counts them', async () => {
    const { screen, code } = await shown(['range'], {
      store: await givenStore([
        ['a', '1'],
        ['b', 'x\ny'],
        ['c', new Uint8Array([0xff, 0xfe])],
      ]),
    })
    expect(code).toBe(0)
    expect(screen).toBe('KEY  VALUE\n───  ─────────────\na    1\nb    x\\ny\nc    (binary, 2 B)\n(3 rows)')
  })

  test('of several keys is printed by get', async () => {
    const { screen } = await shown(['get', 'b', 'a'], {
      store: await givenStore([
        ['a', '1'],
        ['b', '2'],
      ]),
    })
    expect(screen).toBe('KEY  VALUE\n───  ─────\nb    2\na    1\n(2 rows)')
  })

  test('of nothing is the count', async () => {
    expect(await shown(['range'], { store: await givenStore() })).toMatchObject({ screen: '(0 rows)', code: 0 })
  })

  test('counts a thousand with a comma', async () => {
    const store = await givenStore(Array.from({ length: 1200 }, (_, i): Given => [`k${i}`, 'v']))
    const { screen } = await shown(['range'], { store })
    expect(screen.endsWith('(1,200 rows)')).toBe(true)
    expect(screen.match(/^KEY/gm)).toHaveLength(1)
  })
})

describe('stored bytes', () => {
  test.for([
    ['range'],
    ['range', '--keys'],
    ['range', '--values'],
    ['range', '--json'],
    ['range', '--format', 'json'],
    ['range', '--format', 'csv'],
    ['range', '--format', 'tsv'],
    ['range', '--format', 'raw'],
    ['range', '--keys', '-0'],
    ['range', '--json-values', '--json'],
    ['get', HOSTILE],
    ['get', HOSTILE, '--json'],
    ['get', HOSTILE, 'missing'],
    ['del', HOSTILE],
    ['del', '--prefix', 'x', '--dry-run'],
    ['put', HOSTILE, 'new'],
    ['put', HOSTILE, 'new', '--if-absent'],
    ['check'],
  ])('never reach the terminal as commands: kv %j', async (args) => {
    const store = await givenStore([
      [HOSTILE, HOSTILE],
      ['x"', JSON.stringify([HOSTILE])],
    ])
    const { raw } = await shown([...args, '--no-color'], { store })
    expect(raw.length).toBeGreaterThan(0)
    // TSV has its tabs.
    expect(args.includes('tsv') ? raw.replaceAll('\t', ' ') : raw).not.toMatch(OBEYED)
  })

  test('keep their meaning as JSON', async () => {
    const { raw } = await shown(['range', '--json'], { store: await givenStore([[HOSTILE, HOSTILE]]) })
    expect(JSON.parse(raw)).toEqual({ key: HOSTILE, value: HOSTILE })
  })

  test('of a file name in an error are escaped', async () => {
    const { raw, code } = await shown(['batch-put', 'no\u001b[31msuch'], { store: await givenStore() })
    expect(code).toBe(2)
    expect(raw).not.toMatch(OBEYED)
  })
})

describe('colour', () => {
  const COLOURS: readonly (readonly [string, readonly string[], Record<string, string>, boolean])[] = [
    ['is on', [], {}, true],
    ['is off with NO_COLOR', [], { NO_COLOR: '1' }, false],
    ['is on with an empty NO_COLOR', [], { NO_COLOR: '' }, true],
    ['is off with TERM=dumb', [], { TERM: 'dumb' }, false],
    ['is off with --no-color', ['--no-color'], {}, false],
    ['is off with KV_NO_COLOR', [], { KV_NO_COLOR: '1' }, false],
    ['is on with FORCE_COLOR although TERM=dumb', [], { TERM: 'dumb', FORCE_COLOR: '1' }, true],
    ['is off with NO_COLOR although FORCE_COLOR', [], { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ]
  for (const [name, flags, env, coloured] of COLOURS) {
    test(`${name}`, async () => {
      const { raw } = await shown(['range', ...flags], { store: await givenStore([['a', '1']]), env })
      expect(/\u001b\[\d+m/.test(raw)).toBe(coloured)
    })
  }

  test('is off where TERM is not set', async () => {
    const tty = terminalShell('unset TERM; kv range', { store: await givenStore([['a', '1']]) })
    await tty.ended
    expect(tty.raw).toBe('KEY  VALUE\r\n───  ─────\r\na    1\r\n(1 row)\r\n')
  })

  test('goes by stream: a table into a pipe has none', async () => {
    const tty = terminalShell('kv range --format table | cat', { store: await givenStore([['a', '1']]) })
    await tty.ended
    expect(tty.raw).toBe('KEY  VALUE\r\n───  ─────\r\na    1\r\n(1 row)\r\n')
  })
})

describe('put on a terminal', () => {
  test('says on stderr what it did', async () => {
    const store = await givenStore()
    expect(await shown(['put', 'k', 'v'], { store })).toMatchObject({ screen: 'created k (1 B)', code: 0 })
    expect(await shown(['put', 'k', 'w'], { store })).toMatchObject({ screen: 'replaced k (1 B)', code: 0 })
    expect(await shown(['put', 'k', 'x', '--quiet'], { store })).toMatchObject({ screen: '', code: 0 })
  })

  test('folds a help as COLUMNS says where there is no terminal', async () => {
    const { stdout } = await kv(['get', '--help'], { env: { COLUMNS: '44' } })
    const [description] = stdout.toString().split('\n\n').slice(1)
    expect(Math.max(...description!.split('\n').map((line) => line.length))).toBeLessThanOrEqual(44)
  })

  test.for([
    ['stty columns 0; COLUMNS=44 kv range', 44],
    ['stty columns 0; kv range', 80],
    ['COLUMNS=44 kv range', 80],
  ] as const)('is as wide as COLUMNS says where no terminal tells: %s', async ([script, width]) => {
    const tty = terminalShell(script, { store: await givenStore([['a', 'v'.repeat(100)]]) })
    await tty.ended
    expect(
      Math.max(
        ...tty.raw
          .replaceAll(/\u001b\[[\d;]*m/g, '')
          .split('\r\n')
          .map((line) => line.length),
      ),
    ).toBe(width)
  })

  test('without VALUE says that it reads until Ctrl-D, and does', async () => {
    const store = await givenStore()
    const tty = terminal(['put', 'k'], { store })
    await tty.waitFor(/reading the value; end it with Ctrl-D/)
    tty.send('typed\r')
    await tty.waitFor(/^typed$/m)
    tty.send('\u0004')
    expect(await tty.ended).toEqual({ code: 0 })
    expect(await contents(store)).toEqual([['k', 'typed\n']])
  })

  test('without VALUE and with --no-input is a wrong call', async () => {
    const { screen, code } = await shown(['put', 'k', '--no-input'], { store: await givenStore() })
    expect({ screen, code }).toEqual({
      screen: 'kv: no VALUE (KV_USAGE)\nhint: give it as an argument, with --file, or through a pipe',
      code: 2,
    })
  })
})

describe('del on a terminal', () => {
  const MANY = Array.from({ length: 7 }, (_, i): Given => [`s:${i}`, 'v'])

  test('shows samples and the count, asks, and deletes after yes', async () => {
    const store = await givenStore([...MANY, ['t', 'v']])
    const tty = terminal(['del', '--prefix', 's:'], { store })
    await tty.waitFor(/Delete these 7 keys\?/)
    expect(tty.screen()).toMatch(/^ {2}s:0\n {2}s:1\n {2}s:2\n {2}s:3\n {2}s:4\n {2}… and 2 more\n/)
    tty.send('y\r')
    expect(await tty.ended).toEqual({ code: 0 })
    expect(tty.screen()).toMatch(/\ndeleted 7 keys$/)
    expect(await contents(store)).toEqual([['t', 'v']])
  })

  test.for([
    ['n', 'n\r'],
    ['Enter alone', '\r'],
  ])('answered with %s deletes nothing and exits 1', async ([, answer]) => {
    const store = await givenStore(MANY)
    const tty = terminal(['del', '--prefix', 's:'], { store })
    await tty.waitFor(/Delete these 7 keys\?/)
    tty.send(answer!)
    expect(await tty.ended).toEqual({ code: 1 })
    expect(tty.screen()).toMatch(/\nkv: nothing was deleted \(KV_DECLINED\)$/)
    expect(await contents(store)).toHaveLength(7)
  })

  test('interrupted by Ctrl-C deletes nothing and exits 130', async () => {
    const store = await givenStore(MANY)
    const tty = terminal(['del', '--prefix', 's:'], { store })
    await tty.waitFor(/Delete these 7 keys\?/)
    tty.send('\u0003')
    expect(await tty.ended).toEqual({ code: 130 })
    expect(tty.screen()).toMatch(/\nkv: interrupted, nothing was done \(KV_INTERRUPTED\)$/)
    expect(await contents(store)).toHaveLength(7)
  })

  test('asks without colour when there is to be none', async () => {
    const tty = terminal(['del', '--prefix', 's:', '--no-color'], { store: await givenStore(MANY) })
    await tty.waitFor(/Delete these 7 keys\?/)
    tty.send('n\r')
    await tty.ended
    expect(tty.raw).not.toMatch(/\u001b\[(?:1|2|3\d|9\d)m/)
  })

  test.for([
    ['--yes', ['--prefix', 's:', '--yes']],
    ['one match', ['--prefix', 's:1']],
    ['named keys', ['s:1', 's:2']],
  ] as const)('does not ask with %s', async ([, args]) => {
    expect((await shown(['del', ...args], { store: await givenStore(MANY) })).screen).toMatch(/^deleted \d keys?$/)
  })

  test('with --no-input is a wrong call', async () => {
    const store = await givenStore(MANY)
    const { screen, code } = await shown(['del', '--prefix', 's:', '--no-input'], { store })
    expect({ screen, code }).toEqual({
      screen: 'kv: this would delete 7 keys (KV_USAGE)\nhint: see them with --dry-run; to go on, add --yes',
      code: 2,
    })
    expect(await contents(store)).toHaveLength(7)
  })

  test('cannot be answered through a pipe', async () => {
    const store = await givenStore(MANY)
    const tty = terminalShell('echo y | kv del --prefix s:', { store })
    expect(await tty.ended).toEqual({ code: 2 })
    expect(await contents(store)).toHaveLength(7)
  })

  test('asks on stderr, so that the count alone is in the pipe', async () => {
    const store = await givenStore(MANY)
    const tty = terminalShell('n=$(kv del --prefix s:); echo "got <$n>"', { store })
    await tty.waitFor(/Delete these 7 keys\?/)
    tty.send('y\r')
    await tty.ended
    expect(tty.screen()).toMatch(/\ngot <7>$/)
  })
})

describe('batch-put on a terminal', () => {
  /** A file that takes longer to load than progress waits for. */
  function bigFile(): string {
    const file = join(tempDir(), 'big.jsonl')
    const value = 'v'.repeat(900)
    writeFileSync(
      file,
      Array.from({ length: 150_000 }, (_, i) => `{"key":"k${(i * 7919) % 1_000_003}","value":"${value}"}\n`).join(''),
    )
    return file
  }

  test('shows progress after a while, and none of it is left at the end', async () => {
    const tty = terminal(['batch-put', '--no-sync', bigFile()], { store: await givenStore(), columns: 100 })
    await tty.waitFor(/█.* % .*rows, [\d,]+\/s, .* left/)
    expect((await tty.ended).code).toBe(0)
    expect(tty.screen()).toMatch(/^kv: --no-sync: .*\n150,000 put, 0 skipped, 139 MB in [\d.]+ s \([\d,]+ rows\/s\)$/)
  })

  test.for([
    ['--quiet', ['--quiet'], {}],
    ['TERM=dumb', [], { TERM: 'dumb' }],
  ] as const)('shows no progress with %s', async ([, flags, env]) => {
    const { raw } = await shown(['batch-put', '--no-sync', ...flags, bigFile()], { store: await givenStore(), env })
    expect(raw).not.toMatch(/\u001b|█/)
  })

  test('says that it reads from the terminal', async () => {
    const store = await givenStore()
    const tty = terminal(['batch-put'], { store })
    await tty.waitFor(/reading records, one .* a line; end with Ctrl-D/)
    tty.send('{"key":"a","value":"1"}\r')
    await tty.waitFor(/"value":"1"/)
    tty.send('\u0004')
    expect((await tty.ended).code).toBe(0)
    expect(await contents(store)).toEqual([['a', '1']])
  })

  test('with --no-input does not wait for a person', async () => {
    const { screen, code } = await shown(['batch-put', '--no-input'], { store: await givenStore() })
    expect({ screen, code }).toEqual({
      screen: 'kv: no input (KV_USAGE)\nhint: name files, or send records through a pipe',
      code: 2,
    })
  })
})

describe('help on a terminal', () => {
  test.for([80, 120])('fits %d columns', async (columns) => {
    const { raw } = await shown(['put', '--help'], { columns })
    const long = raw.split('\r\n').filter((line) => line.length > columns && !/^ {2}kv |^Options of every/.test(line))
    expect(long).toEqual([])
  })
})
