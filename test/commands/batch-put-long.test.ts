import { once } from 'node:events'
import { createWriteStream, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { random } from '../helpers/bytes.ts'
import { ended, expectRun, kv, kvProcess, startKv } from '../helpers/kv.ts'
import { measuresMemory, memoryOf } from '../helpers/memory.ts'
import { openTestStore } from '../helpers/store.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** Lines of records in no order, 138 bytes each; the last of equal keys has the greatest number. */
function* lines(count: number, keys = count): Generator<string, void, void> {
  const next = random(7)
  for (let n = 0; n < count; n++) {
    const key = Math.floor(next() * keys)
    yield `{"key":"key ${String(key * 7919).padStart(12, '0')}","value":"${String(n).padEnd(100, 'x')}"}\n`
  }
}

async function fileOf(all: Iterable<string>): Promise<string> {
  const file = join(tempDir(), 'records.jsonl')
  const out = createWriteStream(file)
  let part = ''
  for (const line of all) {
    part += line
    if (part.length < 1 << 20) continue
    if (!out.write(part)) await once(out, 'drain')
    part = ''
  }
  out.end(part)
  await once(out, 'finish')
  return file
}

/** What the records of a file come to. */
async function checkStore(path: string, all: Iterable<string>): Promise<void> {
  const expected = new Map<string, string>()
  for (const line of all) {
    const { key, value } = JSON.parse(line) as { key: string; value: string }
    expected.set(key, value)
  }
  const store = await openTestStore(path)
  expect(await store.count()).toBe(expected.size)
  for await (const { key, value } of store.text().range())
    if (expected.get(key) !== value) expect([key, value]).toEqual([key, expected.get(key)])
  expect(await store.check()).toMatchObject({ checked: expected.size, unchecked: 0, damagedKeys: [], problems: [] })
}

const ROWS = 60_000

test('a long load into a new store, from a file and through a pipe', async () => {
  const file = await fileOf(lines(ROWS, 50_000))
  for (const how of ['file', 'pipe']) {
    const path = join(tempDir(), 'store.kv')
    const run =
      how === 'file'
        ? await kvProcess(['batch-put', file], { store: path })
        : await kvProcess(['batch-put'], { store: path, input: [...lines(ROWS, 50_000)].join('') })
    expectRun(run, { stderr: /^60,000 put, 0 skipped, / })
    await checkStore(path, lines(ROWS, 50_000))
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
  }
})

test('a bad record ends it: all before is stored', async () => {
  const all = [...lines(ROWS)]
  const file = await fileOf([...all.slice(0, 55_000), '{"key":\n', ...all.slice(55_000)])
  const path = join(tempDir(), 'store.kv')
  expectRun(await kvProcess(['batch-put', file], { store: path }), {
    stderr: /^kv: .*:55001: .*; the 55,000 records before it are stored \(KV_INVALID_INPUT\)\nhint: /,
    code: 3,
  })
  await checkStore(path, all.slice(0, 55_000))
})

test('records of several inputs, deletes and times to live', async () => {
  const first = await fileOf(lines(60_000))
  const second = await fileOf(
    (function* () {
      for (const line of lines(60_000)) {
        const { key } = JSON.parse(line) as { key: string }
        yield key.endsWith('0') ? `{"del":"${key}"}\n` : `{"key":"${key}","value":"new","ttl":"1h"}\n`
      }
    })(),
  )
  const path = join(tempDir(), 'store.kv')
  const run = await kvProcess(['batch-put', '--json', first, second], { store: path })
  expectRun(run, { stdout: /"skipped":0/, stderr: /./ })
  const store = await openTestStore(path)
  for await (const { key, value, expires } of store.text().range()) {
    if (key.endsWith('0') || value !== 'new') expect([key, value]).toBe('deleted or replaced')
    expect(Math.abs(expires! - Date.now() - 3_600_000)).toBeLessThan(600_000)
  }
})

test.for(['SIGINT', 'SIGTERM'] as const)('%s ends it: nothing was stored', async (signal) => {
  const path = join(tempDir(), 'store.kv')
  const child = startKv(['batch-put'], { store: path })
  const run = ended(child)
  const all = [...lines(ROWS)].join('')
  // All but the last of it is read.
  await new Promise((resolve) => child.stdin!.write(all, resolve))
  child.kill(signal)
  const { stderr, code } = await run
  expect(code).toBe(130)
  const store = await openTestStore(path)
  const count = await store.count()
  // What came before a pause, if there was one, is stored.
  if (count === 0) expect(stderr).toBe('kv: interrupted; nothing was stored (KV_INTERRUPTED)\n')
  else expect(stderr).toMatch(/^kv: interrupted; the [\d,]+ records so far are stored \(KV_INTERRUPTED\)\n$/)
  expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
})

test('two that make one store at once lose nothing', async () => {
  const path = join(tempDir(), 'store.kv')
  const files = await Promise.all(
    ['a', 'b'].map((name) =>
      fileOf(
        (function* () {
          for (const line of lines(60_000)) yield line.replace('key ', `key ${name} `).replace('key a ', 'key ')
        })(),
      ),
    ),
  )
  const runs = await Promise.all(files.map((file) => kvProcess(['batch-put', file], { store: path })))
  for (const run of runs) expectRun(run, { stderr: /^60,000 put, 0 skipped, / })
  const store = await openTestStore(path)
  const each = await Promise.all(['key 0', 'key b 0'].map((prefix) => store.count({ prefix })))
  expect(each[0]).toBe(each[1])
  expect(each[0]! + each[1]!).toBe(await store.count())
})

test('what came quickly is stored when the pipe pauses', async () => {
  const path = join(tempDir(), 'store.kv')
  const child = startKv(['batch-put'], { store: path })
  const run = ended(child)
  const all = [...lines(ROWS)]
  child.stdin!.write(all.join(''))
  const store = await openTestStore(path)
  const keys = new Set(all.map((line) => (JSON.parse(line) as { key: string }).key)).size
  await expect.poll(() => store.count(), { timeout: 60_000 }).toBe(keys)
  expect(child.exitCode).toBe(null)
  child.stdin!.end('{"key":"last","value":"1"}\n')
  expectRun(await run, { stderr: /^60,001 put, 0 skipped, / })
  expect(await store.count()).toBe(keys + 1)
})

test('a session that can still undo stores each block, and undoes it', async () => {
  const path = join(tempDir(), 'store.kv')
  // Two blocks of few entries.
  const file = join(tempDir(), 'few.jsonl')
  writeFileSync(
    file,
    Array.from({ length: 9000 }, (_, n) => `{"key":"${(n * 7919) % 9001}","value":"${'x'.repeat(900)}"}\n`).join(''),
  )
  const run = await kv(['repl'], { store: path, input: `batch-put '${file}'\ncount\n.undo\ncount\n` })
  expect(run.stdout.toString()).toMatch(/9000\n[^]*\b0\n$/)
})

test.runIf(measuresMemory)(
  'takes no more memory than others, however long it is',
  async () => {
    const file = await fileOf(lines(500_000))
    const { bytes, code } = await memoryOf(['--quiet', 'batch-put', file], { store: join(tempDir(), 'store.kv') })
    expect(code).toBe(0)
    expect(bytes).toBeLessThan(300e6)
  },
  120_000,
)
