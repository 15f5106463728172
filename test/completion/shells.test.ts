import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Given, KV, contents, givenStore } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Terminal, needTerminal } from '../helpers/terminal.ts'

/** What is typed, with Tabs; what is seen of the command that it has become. */
interface Line {
  readonly name: string
  readonly typed: string
  readonly seen: string
  /** Where not all can. */
  readonly shells?: readonly string[]
}

const STRANGE: readonly (readonly [string, string])[] = [
  ['a blank', 's1 blank and more'],
  ['a dollar', 's2$HOME'],
  ['quotes', `s3'single"double`],
  ['a backslash', String.raw`s4back\slash`],
  ['a command', 's5$(touch run)`touch run`'],
  ['signs of a shell', 's6!*?[a]{b,c}&|;<>()#~^=x'],
  ['no ASCII', 's7Zürich 東京 😀'],
  ['a colon and blanks', 's8:with: a:colon s8'],
  ['an equals sign', 's9=is = it'],
  ['an escape', 's0\u001b[31m\u0001'],
]

/** Keys, and what is seen of their values; each begins with its own letters. */
const KEYS: readonly Given[] = [
  ['plain', 'of plain'],
  ['group:a', 'of a'],
  ['group:b', 'of b'],
  ['two:parts:x', 'of x'],
  ['two:parts:y', 'of y'],
  ['list:one', 'of list'],
  ['list:other', 'of list'],
  ...STRANGE.map(([name, key]): Given => [key, `of ${name}`]),
  [Buffer.from('bad\xff', 'latin1'), 'of bytes'],
]

const LINES: readonly Line[] = [
  { name: 'a command', typed: 'kv pee\tplain', seen: 'of plain' },
  { name: 'a key', typed: 'kv get pl\t', seen: 'of plain' },
  { name: 'a key to its separator', typed: 'kv get gr\tb', seen: 'of b' },
  { name: 'a key behind a separator', typed: 'kv get two:\ty', seen: 'of y' },
  { name: 'what keys have in common', typed: 'kv get list:o\tne', seen: 'of list' },
  { name: 'an option', typed: 'kv range --pre\tgroup:a --li\t1', seen: 'of a' },
  { name: 'the value of an option', typed: 'kv range --prefix group:a --format cs\t', seen: 'key,value' },
  { name: 'the value joined to it', typed: 'kv range --prefix=grou\ta --format=ts\t', seen: 'key\tvalue' },
  { name: 'another store', typed: 'kv --store other.kv get on\t', seen: 'of the other' },
  { name: 'a store in a variable of the shell', typed: 'kv get --store $OTHER on\t', seen: 'of the other' },
  { name: 'a file', typed: 'kv put f --file te\t && kv get f', seen: 'of a file' },
  { name: 'a topic', typed: 'kv help exit\t', seen: 'Exit codes' },
  { name: 'a key that is not text', typed: 'kv get bad\t', seen: 'key not found: bad ' },
  ...STRANGE.map(([name, key]): Line => {
    const shells = key.includes('\u0001') ? ['bash', 'zsh'] : undefined
    return { name, typed: `kv get ${key.slice(0, 2)}\t`, seen: `of ${name}`, shells }
  }),
  { name: "within '", typed: "kv get 's3\t", seen: 'of quotes' },
  { name: 'within "', typed: 'kv get "s2\t', seen: 'of a dollar' },
  { name: "an escape within '", typed: "kv get 's0\t", seen: 'of an escape', shells: ['bash', 'zsh'] },
  { name: 'within a quote, twice', typed: "kv get 'tw\tpar\tx'", seen: 'of x', shells: ['zsh', 'fish'] },
  // Readline has closed the quote.
  { name: 'after a quote', typed: "kv get 'tw\t\ty", seen: 'of y', shells: ['bash'] },
]

const SHELLS: Readonly<Record<string, { args: readonly string[]; setUp: string; store: string }>> = {
  bash: { args: ['--norc', '--noprofile', '-i'], setUp: 'eval "$(kv completion bash)"', store: 'OTHER=other.kv' },
  zsh: {
    args: ['-f', '-i'],
    setUp: 'autoload -Uz compinit && compinit -D -u; source <(kv completion zsh)',
    store: 'OTHER=other.kv',
  },
  fish: { args: ['--no-config'], setUp: 'kv completion fish | source', store: 'set OTHER other.kv' },
}

/** A folder where `kv` is the program under test, and a file and another store beside. */
function workspace(): { folder: string; path: string } {
  const folder = tempDir()
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'kv'), `#!/bin/sh\nexec ${KV.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
  writeFileSync(join(folder, 'text of it'), 'of a file')
  return { folder, path: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
}

describe.for(Object.keys(SHELLS))('%s', (shell) => {
  const isHere = hasProgram(shell)
  const { args, setUp, store: setStore } = SHELLS[shell]!

  const started = async (store: string, folder: string, path: string): Promise<Terminal> => {
    const env = {
      PATH: path,
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
      LC_ALL: 'C.UTF-8',
      LANG: 'C.UTF-8',
    }
    const terminal = new Terminal(shell, args, { store, env, columns: 160, rows: 50 })
    terminal.send(`cd '${folder}'; ${setUp}; ${setStore}; echo rea''dy\r`)
    await terminal.waitFor(/^ready$/m)
    return terminal
  }

  test.runIf(isHere)('completes what is typed, quoted as it must be', { timeout: 120_000 }, async (context) => {
    needTerminal(context)
    const { folder, path } = workspace()
    const store = await givenStore(KEYS)
    const other = await givenStore([['only', 'of the other']])
    const terminal = await started(store, folder, path)
    terminal.send(`cp ${other} other.kv; echo cop''ied\r`)
    await terminal.waitFor(/^copied$/m)
    const failed: string[] = []
    for (const [number, line] of LINES.entries()) {
      if (line.shells?.includes(shell) === false) continue
      const from = terminal.raw.length
      terminal.send(`${line.typed} ; echo 'line' ${number}.\r`)
      await terminal.waitFor(new RegExp(`^line ${number}\\.$`, 'm'))
      if (!terminal.raw.slice(from).includes(line.seen)) failed.push(`${line.name}: ${terminal.raw.slice(from)}`)
    }
    expect(failed).toEqual([])
    // What has more than one way is shown, and nothing of a key was ever run.
    terminal.send('kv get list:o\t\t')
    await terminal.waitFor(/one +(list:)?other/)
    expect(existsSync(join(folder, 'run'))).toBe(false)
    expect((await contents(store)).map(([key]) => key)).toContain('f')
  })
})
