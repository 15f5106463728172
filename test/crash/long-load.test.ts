import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { ended, expectRun, kvProcess, startKv } from '../helpers/kv.ts'
import { random } from '../helpers/bytes.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const ROUNDS = Math.ceil(Number(process.env['KV_CRASH_ROUNDS'] ?? 30) / 3)
const ROWS = 60_000

test(
  'a killed load of a new store leaves the store with all of it or none, and the next write nothing else',
  { timeout: 60_000 + ROUNDS * 5000 },
  async (context) => {
    const folder = tempDir()
    const file = join(tempDir(), 'records.jsonl')
    const next = random(3)
    writeFileSync(
      file,
      Array.from(
        { length: ROWS },
        (_, n) => `{"key":"${String((n * 7919) % 60_013).padStart(16, '0')}","value":"${'x'.repeat(100)}"}\n`,
      ).join(''),
    )
    const began = performance.now()
    expectRun(await kvProcess(['batch-put', file], { store: join(folder, 'whole.kv') }), { stderr: /^60,000 put/ })
    const whole = performance.now() - began
    let [none, all, unfinished] = [0, 0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(folder, `${round}.kv`)
      const child = startKv(['--quiet', 'batch-put', file], { store: path })
      const run = ended(child)
      // Anywhere in the load, more often towards its end.
      const timer = setTimeout(() => child.kill('SIGKILL'), whole * (0.3 + 0.8 * next()))
      await run
      clearTimeout(timer)
      if (readdirSync(folder).some((name) => name.startsWith('.'))) unfinished++
      const isThere = existsSync(path)
      const store = await openStore(path)
      const count = await store.count()
      expect(count).toBe(isThere ? ROWS : 0)
      if (isThere) all++
      else none++
      await store.put(`another ${round}`, 'v')
      expect(await store.count()).toBe(count + 1)
      expect(await store.check()).toMatchObject({ damagedKeys: [], problems: [] })
      await store.close()
      // A store that is there already may be written to without a look at what else is in the folder.
      if (!isThere) expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
    }
    context.annotate(
      `killed ${none} times before the store was there, ${unfinished} of them while it was built; ${all} whole`,
    )
  },
)
