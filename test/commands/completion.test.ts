import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const KEYS = ['a b', 'user:1', 'user:2:x', 'user:2:y', '-x', '-y:1', 'b\u0001', 'c\n', 'é', "q'"]

const given = (): Promise<string> => givenStore(KEYS.map((key) => [key, 'v']))

const asked = async (store: string, shell: string, ...line: string[]): Promise<string> => {
  const { stdout, stderr } = await kv(['completion', shell, '--', ...line], { store })
  expect(stderr).toBe('')
  return stdout.toString()
}

describe('kv completion', () => {
  test.for(['bash', 'zsh', 'fish', 'powershell'])('prints the script of %s', async (shell) => {
    const { stdout, code } = await kv(['completion', shell])
    expect(code).toBe(0)
    expect(stdout.toString()).toContain(`kv completion ${shell} -- `)
  })

  test('of another shell is a wrong call', async () => {
    expectRun(await kv(['completion', 'tcsh']), {
      stderr: errorText('no completion for tcsh', 'KV_USAGE', 'one of bash zsh fish powershell'),
      code: 2,
    })
  })

  test.for<[line: string, replaced: string, answer: string]>([
    ['kv ge', 'ge', 'done\nget\n'],
    ['kv completion z', 'z', 'done\nzsh\n'],
    ['kv get user:', '', 'more\n1\n2:\n'],
    ['kv get u', 'u', 'more\nuser:\n'],
    ['kv get user:2', '2', 'more\n2:\n'],
    ["kv get 'user:2:", 'user:2:', 'more\nuser:2:x\nuser:2:y\n'],
    ['kv get ', '', "more\na b\nb\\x01\nc\\n\nq'\nuser:\né\n"],
    ['kv get b', 'b', "done\nb$'\\x01'\n"],
    ['kv get -- -', '-', 'more\n-x\n-y:1\n'],
    ['kv get -', '-', expect.stringMatching(/^more\n--/) as string],
    ['kv range --prefix -y', '-y', 'done\n-y:1\n'],
    ['kv get nothing', 'nothing', 'done\n'],
    ['kv put k v', 'v', 'done\n'],
    ['kv --format', '--format', 'done\n--format\n'],
    ['kv --format=js', 'js', 'more\njson\n'],
    ['kv batch-put f', 'f', 'files\n'],
    ['kv --store f', 'f', 'files\n'],
    ['kv get a > f', 'f', 'files\n'],
    ['kv get --key-encoding hex 6', '6', 'done\n'],
    ['kv nosuch ', '', 'done\n'],
    ['kv range --limit', '--limit', 'done\n--limit\n'],
    ['kv watch --prefix=us', 'us', 'more\nuser:\n'],
  ])('%j for bash', async ([line, replaced, answer]) => {
    expect(await asked(await given(), 'bash', line, replaced, '9')).toEqual(answer)
  })

  test('menu completion of bash gets each word as it is inserted', async () => {
    expect(await asked(await given(), 'bash', 'kv get user:2:', '', '37')).toBe('more\nx\ny\n')
  })

  test('zsh gets words as they are, and what is shown', async () => {
    const store = await given()
    expect(await asked(store, 'zsh', 'kv get user:')).toBe('done\0user:1\0user:1\0more\0user:2:\0user:2:\0')
    expect(await asked(store, 'zsh', 'kv get c')).toBe('done\0c\n\0c\\n\0')
    expect(await asked(store, 'zsh', 'kv cou')).toBe('done\0count\0count  -- count keys\0')
    expect(await asked(store, 'zsh', 'kv batch-put ')).toBe('files\0')
  })

  test('fish gets words and what they are, without what no line can hold', async () => {
    const store = await given()
    expect(await asked(store, 'fish', 'get', 'user:')).toBe('list\nuser:1\t\nuser:2:\t\n')
    expect(await asked(store, 'fish', 'get', '')).toBe("list\na b\t\nq'\t\nuser:\t\né\t\n")
    expect(await asked(store, 'fish', 'cou')).toBe('list\ncount\tcount keys\n')
    expect(await asked(store, 'fish', '--store', '')).toBe('files\n')
  })

  test('PowerShell gets words quoted for it, as JSON in ASCII', async () => {
    const store = await givenStore([['a\u2019b c', ''], ['plain', '']]) // prettier-ignore
    const sent = (...words: string[]): string => Buffer.from(words.join('\0')).toString('base64')
    expect(JSON.parse(await asked(store, 'powershell', sent('get', '')))).toEqual([
      { text: "'a\u2019\u2019b c'", label: 'a\u2019b c', note: 'a\u2019b c' },
      { text: 'plain', label: 'plain', note: 'plain' },
    ])
    expect(await asked(store, 'powershell', sent('get', 'a'))).toContain('"\'a\\u2019\\u2019b c\'"')
    expect(await asked(store, 'powershell', sent('batch-put', ''))).toBe('null\n')
  })

  test('the store is that of the line, and none is made', async () => {
    const folder = tempDir()
    const file = join(folder, 'none.kv')
    expect(await asked(await given(), 'bash', `kv --store ${file} get us`, 'us', '9')).toBe('done\n')
    expect(await asked(await given(), 'bash', `kv --store=${file} get us`, 'us', '9')).toBe('done\n')
    expect(existsSync(file)).toBe(false)
    const { stdout } = await kv(['completion', 'bash', '--', 'kv --store ~/it.kv get k', 'k', '9'], {
      env: { HOME: folder },
    })
    expect(stdout.toString()).toBe('done\n')
    await kv(['put', 'key', 'v', '--store', join(folder, 'it.kv')])
    const again = await kv(['completion', 'bash', '--', 'kv --store ~/it.kv get k', 'k', '9'], {
      env: { HOME: folder },
    })
    expect(again.stdout.toString()).toBe('done\nkey\n')
  })

  test('the keys of a server are completed too', async () => {
    const { url } = await served([], { store: await given() })
    expect(await asked(url, 'bash', 'kv get user:', '', '9')).toBe('more\n1\n2:\n')
  })

  test('a server that says nothing is given up', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const store = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { stdout, code } = await kvProcess(['completion', 'bash', '--', 'kv get user:', '', '9'], { store })
    expect(stdout.toString()).toBe('')
    expect(code).not.toBe(70)
  })
})
