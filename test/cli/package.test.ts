import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const USER = `
import { type Entry, KvError, openStore } from 'kvfile'
await using store = await openStore('lib.kv')
const { created }: { created: boolean } = await store.put('user:1', 'Ada')
const all: Entry[] = []
for await (const entry of store.range({ prefix: 'user:' })) all.push(entry)
if (!created || all.length !== 1) throw new KvError('KV_INTERNAL', 'it does not work')
console.log(new TextDecoder().decode(await store.get('user:1')))
`

test('the packed tarball holds the program and the library, installs and works', { timeout: 120_000 }, () => {
  const folder = tempDir()
  const npm = (...args: string[]): string => execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  // The build of this checkout is packed; building it again would take it away from tests running now.
  const [packed] = JSON.parse(npm('pack', '--ignore-scripts', '--json', '--pack-destination', folder)) as [{ filename: string; files: { path: string }[] }]
  const files = packed.files.map(({ path }) => path)
  expect(files).toEqual(expect.arrayContaining(['bin/kv.cjs', 'dist/cli/main.cjs', 'dist/index.js', 'dist/types/index.d.ts', 'package.json', 'README.md', 'LICENSE']))
  expect(files.filter((path) => !/^(bin|dist)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md|DESIGN\.md)$/.test(path))).toEqual([])

  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"user","private":true,"type":"module"}')
  npm('install', '--prefix', project, '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', join(folder, packed.filename))
  const env = { PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, HOME: folder }
  const kv = (...args: string[]): string => execFileSync(join(project, 'node_modules/.bin/kv'), args, { cwd: project, env, encoding: 'utf8' })
  kv('put', 'k', 'v')
  expect(kv('get', 'k')).toBe('v')
  expect(existsSync(join(folder, '.local/share/kv/default.kv'))).toBe(true)

  writeFileSync(join(project, 'user.ts'), USER)
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const flags = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,esnext.disposable,dom', '--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types'), 'user.ts']
  execFileSync(process.execPath, [tsc, ...flags], { cwd: project, stdio: 'pipe', encoding: 'utf8' })
  expect(readdirSync(project)).toContain('user.js')
  expect(execFileSync(process.execPath, ['user.js'], { cwd: project, env, encoding: 'utf8' })).toBe('Ada\n')
})
