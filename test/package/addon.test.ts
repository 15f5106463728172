import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withDistances } from '../../src/drivers/sqlite/engine/code-addresses.ts'
import { type Run, ended, startNode } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { type Project, bytesOf, installedPackage } from './tarball.ts'

const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number)
const HAS_SQLITE = MAJOR > 22 || (MAJOR === 22 && MINOR >= 13)
const OTHER_USER = 65_534

describe('the addon with SQLite of an installed package', { timeout: 300_000 }, () => {
  let project: Project
  const home = mkdtempSync(join(tmpdir(), 'kv-test-'))
  beforeAll(() => {
    project = installedPackage(home)
  }, 300_000)
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  /** An installation of the test's own, made without scripts. */
  function installed(): { folder: string; engine: string } {
    const folder = tempDir()
    chmodSync(folder, 0o755)
    cpSync(join(project.folder, 'node_modules/kvfile'), join(folder, 'node_modules/kvfile'), { recursive: true })
    cpSync(join(project.folder, 'package.json'), join(folder, 'package.json'))
    return { folder, engine: join(folder, 'node_modules/kvfile/dist/engine') }
  }

  const put = (folder: string, env: Record<string, string> = {}, before: string[] = []): Promise<Run> => {
    const store = join(openFolder(), 'store.kv')
    const child = startNode([...before, 'node_modules/kvfile/bin/kv.cjs', '--store', store, 'put', 'k', 'v'], {
      cwd: folder,
      env,
    })
    child.stdin!.end()
    return ended(child)
  }

  const addons = (folder: string): string[] => readdirSync(folder).filter((name) => !/\.br$|\.json$/.test(name))
  const archives = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.br'))

  test('an installation with scripts has less than 7 MB, and nothing for other platforms', async () => {
    const { folder, engine } = installed()
    execFileSync('npm', ['rebuild', 'kvfile'], { cwd: folder, env: project.env, stdio: 'ignore' })
    expect(bytesOf(join(folder, 'node_modules'))).toBeLessThan(7_000_000)
    expect(addons(engine)).toHaveLength(HAS_SQLITE ? 0 : 1)
    expect(archives(engine).filter((name) => !name.startsWith(`${process.platform}-${process.arch}`))).toEqual([])
    expect(await put(folder)).toMatchObject({ code: 0, stderr: '' })
  })

  test('every archive unpacks to the addon that its digest is of', () => {
    const { engine } = installed()
    type Packed = { archive: string; start: number; bytes: number; sha256: string }
    const manifest = JSON.parse(readFileSync(join(engine, 'addons.json'), 'utf8')) as Record<string, Packed>
    const packed = Object.entries(manifest).filter(([name]) => name.endsWith('.node'))
    const found = packed.map(([name, { archive, start, bytes }]) => {
      const code = brotliDecompressSync(readFileSync(join(engine, archive))).subarray(start, start + bytes)
      const addon = withDistances(code, name.includes('x64') ? 'x64' : 'arm64')
      return [name, createHash('sha256').update(addon).digest('hex')]
    })
    expect(found).toHaveLength(8)
    expect(found).toEqual(packed.map(([name, { sha256 }]) => [name, sha256]))
    expect(new Set(packed.map(([, { archive }]) => archive))).toEqual(new Set(archives(engine)))
  })

  test('an installation for another machine keeps the archives', () => {
    const { folder, engine } = installed()
    const before = archives(engine)
    const env = { ...project.env, npm_config_cpu: 'arm64' }
    execFileSync(process.execPath, ['node_modules/kvfile/bin/install.cjs'], { cwd: folder, env })
    expect(archives(engine)).toEqual(before)
  })

  describe.skipIf(HAS_SQLITE)('on a Node without SQLite', () => {
    test('is unpacked at the first use, by one of several processes at once', async () => {
      const { folder, engine } = installed()
      expect(addons(engine)).toEqual([])
      const runs = await Promise.all(Array.from({ length: 4 }, () => put(folder)))
      expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, '']))
      const [name, ...rest] = addons(engine)
      expect(rest).toEqual([])
      const { ino, mode } = statSync(join(engine, name!))
      expect(mode & 0o777).toBe(statSync(join(engine, name!.replace(/(-musl)?\.node$/, '.br'))).mode & 0o777)
      await put(folder)
      expect(statSync(join(engine, name!)).ino).toBe(ino)
    })

    test('goes to the cache of the user where the package cannot be written', async () => {
      const { folder, engine } = installed()
      const asUser = otherUser(folder, engine)
      const cache = openFolder()
      const env = { XDG_CACHE_HOME: cache }
      expect(await put(folder, env, asUser)).toMatchObject({ code: 0, stderr: '' })
      expect(addons(engine)).toEqual([])
      const kept = join(cache, 'kvfile')
      expect(statSync(kept).mode & 0o777).toBe(0o700)
      const [name] = readdirSync(kept)
      expect(name).toMatch(/^[0-9a-f]{16}-.*\.node$/)
      const { ino } = statSync(join(kept, name!))
      expect(await put(folder, env, asUser)).toMatchObject({ code: 0, stderr: '' })
      expect(readdirSync(kept)).toEqual([name])
      expect(statSync(join(kept, name!)).ino).toBe(ino)
    })

    test('is never taken from a cache of somebody else', async () => {
      const { folder, engine } = installed()
      const asUser = otherUser(folder, engine)
      const cache = openFolder()
      mkdirSync(join(cache, 'kvfile'))
      chmodSync(join(cache, 'kvfile'), 0o777)
      const { code, stderr } = await put(folder, { XDG_CACHE_HOME: cache }, asUser)
      expect(code).toBe(4)
      expect(stderr).toContain('it belongs to another user, or others may write it (KV_UNAVAILABLE)\nhint: ')
      expect(readdirSync(join(cache, 'kvfile'))).toEqual([])
    })

    test('is missed by name where the package was installed on another platform', async () => {
      const { folder, engine } = installed()
      for (const name of archives(engine)) rmSync(join(engine, name))
      const { code, stderr } = await put(folder)
      expect(code).toBe(4)
      expect(stderr).toMatch(
        /^kv: the SQLite engine for \S+ is not in this kvfile, which was installed on another platform \(KV_UNAVAILABLE\)\nhint: npm ci/,
      )
    })

    test.for(['cut off', 'another file'])('is refused when its archive is damaged: %s', async (how) => {
      const { folder, engine } = installed()
      const names = archives(engine)
      for (const name of names) {
        const other = names.find((candidate) => candidate !== name)!
        if (how === 'cut off') writeFileSync(join(engine, name), 'no brotli')
        else cpSync(join(project.folder, 'node_modules/kvfile/dist/engine', other), join(engine, name))
      }
      const { code, stderr } = await put(folder)
      expect(code).toBe(4)
      expect(stderr).toMatch(/\.br is damaged \(KV_UNAVAILABLE\)\nhint: /)
      expect(addons(engine)).toEqual([])
    })
  })
})

/** A folder that every user may write. */
function openFolder(): string {
  const folder = tempDir()
  chmodSync(folder, 0o777)
  return folder
}

/** Flags of Node for a process that must not write the package. */
function otherUser(folder: string, engine: string): string[] {
  if (process.getuid?.() !== 0) {
    chmodSync(engine, 0o555)
    return []
  }
  const preload = join(folder, 'as-other-user.cjs')
  writeFileSync(
    preload,
    `process.setgroups([]); process.setgid(${OTHER_USER}); process.setuid(${OTHER_USER}); process.umask(0o022)`,
  )
  return ['-r', preload]
}
