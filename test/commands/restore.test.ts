import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { contents, errorText, expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const NEW: [string, string][] = [
  ['a', 'needle'],
  ['b', 'needle'],
]
const OLD: [string, string][] = [['a', 'old']]

/** A backup of {@link NEW}, whose second entry expires. */
async function givenBackup(): Promise<string> {
  const store = await givenStore([NEW[0]!, [...NEW[1]!, { expires: Date.UTC(2100, 0, 1) }]])
  const file = join(tempDir(), 'backup.kv')
  expectRun(await kv(['backup', file], { store }), {})
  return file
}

/** Cuts a store short. */
function cut(store: string): void {
  writeFileSync(store, readFileSync(store).subarray(0, 20_000))
}

const AS_IT_WAS = 'the store is as it was; '

describe('kv restore', () => {
  test('puts a copy in the place of the store, with its rights, and keeps what was there', async () => {
    const [backup, store] = [await givenBackup(), await givenStore(OLD)]
    chmodSync(store, 0o640)
    expectRun(await kv(['restore', backup], { store }), {
      stderr: new RegExp(`^restored 2 entries, .* in .* s; the store that was there is ${store}\\.before-restore\n$`),
    })
    expect(readdirSync(dirname(store)).sort()).toEqual(['test.kv', 'test.kv.before-restore'])
    expect(await contents(store)).toEqual(NEW)
    expect(statSync(store).mode & 0o777).toBe(0o640)
    expectRun(await kv(['ttl', 'b'], { store }), { stdout: /^\d+\n$/ })
    expect(await contents(`${store}.before-restore`)).toEqual(OLD)
    expect(await contents(backup)).toEqual(NEW)
    const { stdout } = await kv(['restore', backup, '--json'], { store })
    expect(JSON.parse(stdout.toString())).toMatchObject({ from: backup, entries: 2, kept: `${store}.before-restore-2` })
    expectRun(await kv(['restore', backup, '--no-keep', '--quiet'], { store }), {})
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toHaveLength(3)
    expect(await contents(store)).toEqual(NEW)
  })

  const PLACES: readonly [name: string, make: (store: string) => unknown, kept: readonly string[]][] = [
    ['none', () => rmSync('none', { force: true }), []],
    ['a damaged store', cut, ['.before-restore']],
    ['an empty file', (store) => writeFileSync(store, ''), ['.before-restore']],
    [
      'one with the log of another',
      (store) => {
        cpSync(store, `${store}.copy`)
        // This process may have the file open still, and the log.
        renameSync(`${store}.copy`, store)
        for (const suffix of ['-wal', '-shm']) rmSync(store + suffix, { force: true })
        writeFileSync(`${store}-wal`, 'of another'.repeat(100))
      },
      ['.before-restore', '.before-restore-wal'],
    ],
    [
      'a log that was left alone',
      (store) => {
        rmSync(store)
        writeFileSync(`${store}-wal`, 'left')
      },
      ['.before-restore-wal'],
    ],
  ]
  test.for(PLACES)('in the place of %s', async ([name, make, kept]) => {
    const [backup, store] = [await givenBackup(), await givenStore(name === 'none' ? [] : OLD)]
    make(store)
    expectRun(await kvProcess(['restore', backup], { store }), { stderr: /^restored 2 entries/ })
    expect(readdirSync(dirname(store)).sort()).toEqual(
      [basename(store), ...kept.map((suffix) => basename(store) + suffix)].sort(),
    )
    expect(await contents(store)).toEqual(NEW)
  })

  test('what is no healthy store is not put in place', async () => {
    const [backup, store] = [await givenBackup(), await givenStore(OLD)]
    const flipped = join(tempDir(), 'flipped.kv')
    const bytes = readFileSync(backup)
    bytes[bytes.indexOf('needle')] = 0x4e
    writeFileSync(flipped, bytes)
    expectRun(await kv(['restore', flipped], { store }), {
      stderr: errorText(
        `${flipped} is damaged, and was not put in place: 1 damaged entry, 0 structural problems`,
        'KV_CORRUPT',
        `see what is damaged with: kv --store ${flipped} check`,
      ),
      code: 4,
    })
    const letters = join(tempDir(), 'letters')
    writeFileSync(letters, 'letters')
    expectRun(await kv(['restore', letters], { store }), {
      stderr: /letters is not a kv store.*\(KV_FOREIGN\)/,
      code: 4,
    })
    expectRun(await kv(['restore', store], { store }), { stderr: /is the store itself \(KV_USAGE\)/, code: 2 })
    cut(backup)
    expectRun(await kv(['restore', backup], { store }), { stderr: /cut off at .* \(KV_CORRUPT\)/, code: 4 })
    expectRun(await kv(['restore', join(tempDir(), 'no.kv')], { store }), {
      stderr: /^kv: there is no store at .*no\.kv \(KV_UNAVAILABLE\)/,
      code: 4,
    })
    expect(readdirSync(dirname(store)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual([basename(store)])
    expect(await contents(store)).toEqual(OLD)
  })

  test.for<[name: string, backup: (whole: Buffer) => Buffer, what: string, code: string, file: string, pipe: string]>([
    [
      'packed',
      (whole) => gzipSync(whole),
      'is packed by gzip',
      'KV_FOREIGN',
      'gunzip -c it | KV restore -',
      'gunzip -c | KV restore -',
    ],
    [
      'empty',
      () => Buffer.of(),
      'is empty',
      'KV_CORRUPT',
      AS_IT_WAS + 'has the command that was to write it failed?',
      '',
    ],
    [
      'other',
      () => Buffer.from('letters'),
      'is not a kv store: it is no SQLite file',
      'KV_FOREIGN',
      AS_IT_WAS + 'a backup is a file that kv backup wrote',
      '',
    ],
    [
      'cut',
      (whole) => whole.subarray(0, 9000),
      'is damaged: cut off at 9000 of ',
      'KV_CORRUPT',
      AS_IT_WAS + 'take another backup',
      '',
    ],
  ])(
    'a backup that is none (%s) is called by what the user knows, and the hint helps',
    async ([, change, what, code, file, pipe]) => {
      const [store, cwd] = [await givenStore(OLD), tempDir()]
      const bytes = change(readFileSync(await givenBackup()))
      writeFileSync(join(cwd, 'it'), bytes)
      const named = await kv(['restore', 'it'], { store, cwd })
      expect(named.stderr).toMatch(new RegExp(`^kv: \\S+/it ${what}.*\\(${code}\\)\n`))
      // Of a file that is cut off the rest can be saved.
      if (file.endsWith('take another backup')) expect(named.stderr).toMatch(/^hint: .* salvage saved\.kv/m)
      else expect(named.stderr.split('\n')[1]).toBe(`hint: ${file.replace('KV', `kv --store ${store}`)}`)
      const piped = await kvProcess(['restore', '-'], { store, cwd, input: bytes })
      expect(piped.stderr).toMatch(new RegExp(`^kv: the backup on standard input ${what}.*\\(${code}\\)\n`))
      expect(piped.stderr.split('\n')[1]).toBe(
        `hint: ${(pipe === '' ? file : pipe).replace('KV', `kv --store ${store}`)}`,
      )
      expect([named.code, piped.code]).toEqual([4, 4])
      expect(await contents(store)).toEqual(OLD)
    },
  )

  test('nothing but a store is replaced', async () => {
    const backup = await givenBackup()
    const [file, folder] = [join(tempDir(), 'letters'), join(tempDir(), 'folder')]
    writeFileSync(file, 'letters')
    mkdirSync(folder)
    for (const store of [file, folder])
      expectRun(await kv(['restore', backup], { store }), {
        stderr: /is not a kv store \(KV_FOREIGN\)\nhint: /,
        code: 4,
      })
    expect(readFileSync(file, 'utf8')).toBe('letters')
    const { url } = await served()
    expectRun(await kv(['restore', backup], { store: url }), {
      stderr: /not for http \(KV_NOT_SUPPORTED\)\nhint: /,
      code: 2,
    })
  })

  test('- reads standard input', async () => {
    const [backup, store, temporary] = [await givenBackup(), await givenStore(), tempDir()]
    const run = await kvProcess(['restore', '-', '--quiet'], {
      store,
      input: readFileSync(backup),
      env: { TMPDIR: temporary },
    })
    expectRun(run, {})
    expect(await contents(store)).toEqual(NEW)
    expect(readdirSync(temporary)).toEqual([])
  })

  test('a server goes on with the new store, and its newest writes are in the one that is kept', async () => {
    const backup = await givenBackup()
    const { url, path } = await served([], { store: await givenStore(OLD) })
    expectRun(await kv(['put', 'late', '1'], { store: url }), {})
    expectRun(await kvProcess(['restore', backup, '--quiet'], { store: path }), {})
    expectRun(await kv(['get', 'a'], { store: url }), { stdout: 'needle' })
    expectRun(await kv(['put', 'c', '3'], { store: url }), {})
    expect(await contents(path)).toEqual([...NEW, ['c', '3']])
    expect(await contents(`${path}.before-restore`)).toEqual([...OLD, ['late', '1']])
  })

  test('a store that is being read and written goes on with the new one', async () => {
    const [backup, store] = [await givenBackup(), await givenStore(OLD)]
    const open = await openTestStore(store)
    await open.put('late', 'x'.repeat(100_000))
    const range = open.range()[Symbol.asyncIterator]()
    await range.next()
    expectRun(await kvProcess(['restore', backup, '--quiet'], { store }), {})
    await open.put('c', '3')
    expect(Buffer.from((await open.get('a'))!).toString()).toBe('needle')
    await range.return?.()
    expect(existsSync(`${store}.before-restore`)).toBe(true)
    expect((await contents(`${store}.before-restore`)).map(([key]) => key)).toEqual(['a', 'late'])
    expect((await contents(store)).map(([key]) => key)).toEqual(['a', 'b', 'c'])
  })

  test('in a session, which goes on with it and does not undo it', async () => {
    const [backup, store] = [await givenBackup(), await givenStore(OLD)]
    const run = await kv(['repl'], { store, input: `put a changed\nrestore ${backup} --quiet\nget a\n.undo\n` })
    expect(run.stdout.toString()).toMatch(/^needle/)
    expect(run.stderr).toMatch(/KV_NOT_UNDONE/)
    expect(await contents(store)).toEqual(NEW)
  })
})

test('nobody opens a store that is just being replaced; the mark of a killed process is taken away', async () => {
  const path = await givenStore([['a', '1']])
  const mark = `${path}-replacing`
  writeFileSync(mark, String(process.pid))
  expectRun(await kvProcess(['put', 'a', '2', '--lock-timeout', '0'], { store: path }), {
    stderr: /was changed by another process .*\(KV_UNAVAILABLE\)\nhint: run it again/,
    code: 4,
  })
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(mark, String(pid))
  expectRun(await kvProcess(['get', 'a'], { store: path }), { stdout: '1' })
  expect(existsSync(mark)).toBe(false)
})
