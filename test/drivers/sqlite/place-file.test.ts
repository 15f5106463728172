import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { beforeEach, expect, test, vi } from 'vitest'
import { placeFile } from '../../../src/drivers/sqlite/file/place-file.ts'
import { openStore } from '../../../src/index.ts'
import { failureCode } from '../../helpers/store.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

/** What was put on disk and which names were given, in order; and what the file system says when a link is made. */
const { steps, system } = vi.hoisted(() => ({
  steps: [] as string[],
  system: { linkError: undefined as string | undefined },
}))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  const names = new Map<number, string>()
  return {
    ...real,
    openSync: (path: string, ...rest: [never]) => {
      const fd = real.openSync(path, ...rest)
      names.set(fd, path)
      return fd
    },
    fsyncSync: (fd: number) => {
      steps.push(`sync ${names.get(fd)}`)
      real.fsyncSync(fd)
    },
    linkSync: (from: string, to: string) => {
      if (system.linkError !== undefined)
        throw Object.assign(new Error('no links here'), { code: system.linkError, syscall: 'link' })
      real.linkSync(from, to)
      steps.push(`name ${to}`)
    },
    renameSync: (from: string, to: string) => {
      real.renameSync(from, to)
      steps.push(`name ${to}`)
    },
  }
})

beforeEach(() => {
  steps.length = 0
  system.linkError = undefined
})

test.for([undefined, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])(
  'a new store has its name on disk, and before that every folder on the way (links: %s)',
  async (linkError) => {
    system.linkError = linkError
    const base = tempDir()
    const folder = join(base, 'share', 'kv')
    const path = join(folder, 'default.kv')
    await using store = await openStore(path, { makeFolder: true })
    await store.put('a', '1')
    const named = steps.indexOf(`name ${path}`)
    const before = steps.slice(0, named)
    for (const above of [join(base, 'share'), base, dirname(base)]) expect(before).toContain(`sync ${above}`)
    expect(before).toContainEqual(expect.stringMatching(/^sync .*\.tmp$/))
    expect(steps.slice(named + 1)).toContain(`sync ${folder}`)
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
    expect(await store.count()).toBe(1)
  },
)

test('without links a name that is taken stays whose it is', () => {
  system.linkError = 'EPERM'
  const folder = tempDir()
  const [temporary, path] = [join(folder, 'temporary'), join(folder, 'taken')]
  fs.writeFileSync(temporary, 'new')
  fs.writeFileSync(path, 'old')
  placeFile(temporary, path)
  expect(fs.readFileSync(path, 'utf8')).toBe('old')
})

test('without links one process at a time looks for the name, and one that was killed is not waited for', async () => {
  system.linkError = 'EPERM'
  const folder = tempDir()
  const path = join(folder, 's.kv')
  const placing = join(folder, '.kv-placing')
  fs.writeFileSync(placing, String(process.pid))
  await using hurried = await openStore(path, { timeoutMs: 0 })
  expect(await failureCode(() => hurried.put('a', '1'))).toBe('KV_LOCKED')
  expect(fs.readdirSync(folder)).toEqual(['.kv-placing'])
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  fs.writeFileSync(placing, String(pid))
  await using patient = await openStore(path)
  await patient.put('a', '1')
  expect(fs.existsSync(placing)).toBe(false)
})

test('other errors of a link are errors', async () => {
  system.linkError = 'EIO'
  const path = join(tempDir(), 's.kv')
  await using store = await openStore(path)
  expect(await failureCode(() => store.put('a', '1'))).toBe('KV_IO')
  expect(fs.existsSync(path)).toBe(false)
})
