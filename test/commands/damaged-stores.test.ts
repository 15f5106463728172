import { copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectRun, givenStore, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const PAGE = 8192

let made: Buffer | undefined

/** A healthy store of many pages, closed. */
async function healthy(): Promise<Buffer> {
  if (made !== undefined) return made
  const path = await givenStore()
  const lines = Array.from(
    { length: 3000 },
    (_, n) => `${JSON.stringify({ key: `key:${n}`, value: `${n} `.repeat(20) })}\n`,
  )
  expectRun(await kvProcess(['batch-put', '--quiet'], { store: path, input: lines.join('') }), {})
  return (made = readFileSync(path))
}

/** What happens to the bytes of a file. */
const DAMAGES: readonly [name: string, damage: (bytes: Buffer) => Buffer][] = [
  ['a page of zeros', (bytes) => bytes.fill(0, PAGE * 10, PAGE * 11)],
  ['a page of noise', (bytes) => bytes.fill(0xa7, PAGE * 10, PAGE * 11)],
  ['a root of zeros', (bytes) => bytes.fill(0, PAGE, PAGE * 2)],
  ['a schema of zeros', (bytes) => bytes.fill(0, 100, PAGE)],
  ['a first page of zeros', (bytes) => bytes.fill(0, 0, PAGE)],
  ['a header of noise', (bytes) => bytes.fill(0xff, 16, 100)],
  ['another page size', (bytes) => (bytes.writeUInt16BE(512, 16), bytes)],
  ['a version that nobody knows', (bytes) => (bytes.writeUInt16BE(0x0909, 18), bytes)],
  ['its second half missing', (bytes) => bytes.subarray(0, PAGE * 12 + 100)],
  ['its last pages missing', (bytes) => bytes.subarray(0, PAGE * 12)],
]

/** What may do its work all the same: it reads little of the file, or copies its bytes, or saves what is left. */
const MAY_SUCCEED = new Set(['backup', 'stat', 'count', 'salvage', 'restore'])

describe('a store with', () => {
  test.for(DAMAGES)('%s: every command says so in one line, and what to do', async ([, damage]) => {
    const folder = tempDir()
    const store = join(folder, 'damaged.kv')
    const good = join(folder, 'good.kv')
    const bytes = damage(Buffer.from(await healthy()))
    writeFileSync(good, await healthy())
    for (const args of [
      ['backup', join(folder, 'backup.kv')],
      ['compact'],
      ['check'],
      ['check', '--quick'],
      ['stat'],
      ['count'],
      ['rename', '--prefix', 'key:', 'k:'],
      ['copy', store, join(folder, 'copy.kv')],
      ['copy', good, store],
      ['diff', store, good],
      ['salvage', join(folder, 'saved.kv')],
      ['restore', store, '--store', join(folder, 'restored.kv')],
      ['restore', good],
    ]) {
      writeFileSync(store, bytes)
      const { code, stderr } = await kv(args, { store })
      const name = args.slice(0, 2).join(' ')
      if (code === 0) expect([...MAY_SUCCEED], name).toContain(args[0])
      else {
        expect(code, `${name}: ${stderr}`).toBe(4)
        expect(stderr, name).toMatch(/^kv: .* \(KV_(CORRUPT|FOREIGN)\)\nhint: .*\n$/)
        // Nothing is written to what is not known.
        expect(readFileSync(store).equals(bytes), name).toBe(true)
      }
      for (const suffix of ['-wal', '-shm']) rmSync(store + suffix, { force: true })
    }
    expect(statSync(good).size).toBe(made!.length)
  })

  test('a log that is damaged: it is said, or what was committed before is there', async () => {
    const { url, path } = await served()
    for (const n of [1, 2, 3]) expectRun(await kv(['put', `k${n}`, 'x'.repeat(20_000)], { store: url }), {})
    const log = readFileSync(`${path}-wal`)
    const logs = [
      Buffer.from(log).fill(0, 0, 32),
      Buffer.from(log).fill(0xa7, 0, 32),
      Buffer.from(log).fill(0, log.length - PAGE * 2),
      log.subarray(0, log.length - PAGE - 100),
      Buffer.from('letters'.repeat(1000)),
    ]
    const folder = tempDir()
    for (const [n, bytes] of logs.entries()) {
      for (const args of [
        ['check'],
        ['compact'],
        ['backup', join(folder, `b${n}.kv`)],
        ['salvage', join(folder, `s${n}.kv`)],
      ]) {
        const store = join(folder, `${n}.kv`)
        copyFileSync(path, store)
        writeFileSync(`${store}-wal`, bytes)
        rmSync(`${store}-shm`, { force: true })
        const { code, stderr } = await kvProcess(args, { store })
        expect([0, 4], `${n} ${args[0]}: ${stderr}`).toContain(code)
        if (code === 4) expect(stderr, `${n} ${args[0]}`).toMatch(/^kv: .* \(KV_[A-Z_]+\)\nhint: .*\n$/)
      }
    }
  })
})
