import { expect, test } from 'vitest'
import { type Given, contents, givenStore, kvProcess, startKv, ended } from '../helpers/kv.ts'
import { noise } from '../helpers/bytes.ts'
import { openTestStore } from '../helpers/store.ts'
import { spin } from './child.ts'

const ROUNDS = Number(process.env['KV_CRASH_ROUNDS'] ?? 30) / 3

test(
  'a copy that is killed leaves whole entries, and run again it is complete',
  { timeout: 60_000 + ROUNDS * 3000 },
  async (context) => {
    const value = noise(2000)
    const source = await givenStore(
      Array.from({ length: 12_000 }, (_, i): Given => [`k${String(i).padStart(5, '0')}`, value]),
    )
    const before = await contents(source)
    let midway = 0
    for (let round = 0; round < ROUNDS; round++) {
      const target = await givenStore()
      const store = await openTestStore(target)
      const copying = startKv(['copy', source, target])
      const end = ended(copying)
      while (copying.exitCode === null && (await store.count({ limit: 1 })) === 0) await new Promise(setImmediate)
      spin(Math.random() * 30)
      copying.kill('SIGKILL')
      await end
      const count = await store.count()
      if (count < before.length) midway++
      const keys = []
      for await (const { key } of store.range({ keysOnly: true })) keys.push(Buffer.from(key).toString())
      expect(keys).toEqual(before.slice(0, count).map(([key]) => key))
      expect(await store.check()).toMatchObject({ unchecked: 0, damagedKeys: [], problems: [] })
      expect((await kvProcess(['copy', source, target, '--after', keys.at(-1) ?? ''])).code).toBe(0)
      expect(await store.count()).toBe(before.length)
      await store.close()
    }
    expect(await contents(source)).toEqual(before)
    context.annotate(`${midway} of ${ROUNDS} were killed midway`)
  },
)
