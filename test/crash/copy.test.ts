import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Given, contents, ended, expectRun, givenStore, kvProcess, startKv } from '../helpers/kv.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { noise } from '../helpers/bytes.ts'
import { openTestStore } from '../helpers/store.ts'
import { spin } from './child.ts'

const ROUNDS = Math.ceil(Number(process.env['KV_CRASH_ROUNDS'] ?? 12) / 3)

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
      while (copying.exitCode === null && (await store.count({ limit: 1 })) === 0) await delay(1)
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

test(
  'a copy onto a full disk leaves the first entries, whole, and its hint goes on when there is space',
  { timeout: 60_000 },
  async (context) => {
    const source = await givenStore(
      Array.from({ length: 12_000 }, (_, i): Given => [`k${String(i).padStart(5, '0')}`, noise(2000, i)]),
    )
    const before = await contents(source)
    let midway = 0
    for (const megabytes of [1, 10, 20]) {
      // Of its own: on Node 20 a closed store takes space until the next garbage collection.
      const disk = smallDisk(context, '100m')
      const target = join(disk, 'copy.kv')
      const ballast = join(disk, 'ballast')
      writeFileSync(ballast, new Uint8Array((100 - megabytes) << 20))
      const { code, stderr } = await kvProcess(['copy', source, target])
      expect(code).toBe(4)
      rmSync(ballast)
      const copied = await contents(target)
      expect(copied).toEqual(before.slice(0, copied.length))
      const line = /^kv: .*no space left.* \(KV_DISK_FULL\)\nhint: (?:go on: (kv copy .*)|.*)\n$/.exec(stderr)?.[1]
      const last = copied.at(-1)?.[0]
      expect(line, stderr).toBe(last === undefined ? undefined : `kv copy ${source} ${target} --after ${last}`)
      if (last !== undefined) midway++
      const again = line ?? `kv copy ${source} ${target}`
      execFileSync('sh', ['-c', `${again.replace(/^kv/, `"${process.execPath}" bin/kv.cjs`)} --quiet`])
      expectRun(await kvProcess(['diff', source, target, '--quiet']), {})
    }
    expect(midway).toBeGreaterThan(0)
    expect(await contents(source)).toEqual(before)
  },
)
