import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { script } from './scripts.ts'
import { given, kv, open } from './sessions.ts'

describe('.undo takes back the last command that wrote, whatever options it had', () => {
  test.for([
    'put b 2 --no-sync',
    'put b 2 --lock-timeout 9s',
    'put b 2 --store ./t.kv',
    'put b 2 --store file:t.kv --timeout 3s',
    'batch-put --quiet --no-sync < rows',
  ])('%s', async (line) => {
    const home = tempDir()
    const { stdout, stderr, code } = await script(
      `!printf '{"key":"b","value":"2"}\\n' > rows\nput a 1\n${line}\n.undo\nrange\n`,
      { home },
    )
    expect(stderr).toContain(`undone: ${line} (1 key)\n`)
    expect([stdout, code]).toEqual(['{"key":"a","value":"1"}\n', 0])
  })

  test.for([
    [
      'put b 2 --store other.kv',
      'this wrote to another store, other.kv, and cannot be undone here: put b 2 --store other.kv',
    ],
    [
      'del --all --yes --store other.kv',
      'this wrote to another store, other.kv, and cannot be undone here: del --all --yes --store other.kv',
    ],
  ])('or says that it cannot, and takes back none before it: %s', async ([line, message]) => {
    const home = tempDir()
    await kv(home, 'put', 'x', 'y', '--store', 'other.kv')
    const { stdout, stderr, code } = await script(`put a 1\n${line}\n.undo\nrange --keys\n`, {
      home,
      args: ['--keep-going'],
    })
    expect(stderr).toContain(`kv: ${message} (KV_NOT_UNDONE)\n`)
    expect([stdout.endsWith('a\n'), code]).toEqual([true, 1])
  })

  test('what wrote nothing leaves the one before undoable', async () => {
    const { stdout } = await script(
      'put a 1\nput a 2\nput a 3 --if-absent\nput b 1 --store other.kv --if-value x\ndel nope --no-sync --ignore-missing\nget a --lock-timeout 9s\n.undo\nget a\n',
      { args: ['--keep-going'] },
    )
    expect(stdout).toMatch(/2[^]*1$/)
  })
})

test('.undo brings back what a load deleted, and leaves what that left because it was there', async () => {
  const rows = ['["a","new"]', '["b","new"]', '["b","newer"]', '["c","new"]'].join('\\n')
  const { stdout, stderr, code } = await script(
    `!printf '${rows}\\n' > rows\nput a old\nbatch-put --if-absent < rows\nput a newest\n.undo\nbatch-put --if-absent < rows\nrange\n`,
    {},
  )
  expect([stdout, code]).toEqual([
    '{"key":"a","value":"old"}\n{"key":"b","value":"new"}\n{"key":"c","value":"new"}\n',
    0,
  ])
  expect(stderr).toContain('undone: put a newest (1 key)\n')
  const deleted = await script(
    `!printf '{"del":"a"}\\n["b","2"]\\n{"del":"none"}\\n' > rows\nput a 1\nbatch-put < rows\nrange\n.undo\nrange\n`,
  )
  expect(deleted.stdout).toBe('{"key":"b","value":"2"}\n{"key":"a","value":"1"}\n')
  const undone = await script(
    `!printf '${rows}\\n' > rows\nput a old\nput c old\nbatch-put --if-absent < rows\n.undo\nrange\n`,
  )
  expect(undone.stderr).toContain('1 put, 3 existing')
  expect(undone.stderr).toContain('undone: batch-put --if-absent < rows (1 key)\n')
  expect(undone.stdout).toBe('{"key":"a","value":"old"}\n{"key":"c","value":"old"}\n')
})

test('a file that was replaced since keeps what it has, also where the revisions are the same', async () => {
  const home = await given([['c', 'old']])
  using screen = await open({ home })
  await screen.run('put c new')
  rmSync(join(home, 't.kv'))
  for (const suffix of ['-wal', '-shm']) rmSync(join(home, `t.kv${suffix}`), { force: true })
  for (const value of ['A', 'B']) await kv(home, 'put', 'c', value)
  await screen.run('.undo')
  expect(screen.text).toContain('not undone: the file was replaced since: put c new (KV_NOT_UNDONE)')
  expect(await kv(home, 'get', 'c')).toBe('B')
  // What is written from then on can be undone.
  await screen.run('put c C')
  await screen.run('.undo')
  expect(await kv(home, 'get', 'c')).toBe('B')
})

test('the same when another was renamed over it, and read before', async () => {
  const home = await given([['c', 'old']])
  const other = await given([
    ['c', 'other'],
    ['d', 'x'],
  ])
  using screen = await open({ home })
  await screen.run('put c new')
  renameSync(join(other, 't.kv'), join(home, 't.kv'))
  await screen.run('get c')
  await screen.run('.undo')
  expect(screen.text).toContain('not undone: the file was replaced since')
  expect(await kv(home, 'get', 'c')).toBe('other')
})
