import { readdirSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** Files below a folder that this process has open, as Linux tells. */
function openFiles(folder: string): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`)
      } catch {
        return []
      }
    })
    .filter((path) => path.startsWith(folder))
}

test.skipIf(process.platform !== 'linux')(
  'a closed store has no file open, and leaves none beside its own',
  async () => {
    const folder = tempDir()
    const path = join(folder, 'store.kv')
    const [first, second] = await Promise.all([openStore(path), openStore(path)])
    await first.put('a', '1')
    await second.batch(Array.from({ length: 500 }, (_, at) => ({ type: 'put', key: `k${at}`, value: 'v' })))
    for await (const _ of first.range()) break
    await second.getText('a')
    await first.watch({ prefix: 'a' })
    expect(openFiles(folder)).not.toEqual([])
    await first.close()
    expect(await second.getText('a')).toBe('1')
    await second.close()
    expect(openFiles(folder)).toEqual([])
    expect(readdirSync(folder)).toEqual(['store.kv'])
    // The same again, in a file of the same name.
    rmSync(path)
    const third = await openStore(path)
    await third.put('b', '2')
    await third.close()
    expect(openFiles(folder)).toEqual([])
  },
)
