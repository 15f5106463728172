import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A copy of the built program, and the path of its code cache. */
function installed(): { folder: string; cache: string } {
  const folder = tempDir()
  for (const name of ['bin', 'dist/cli', 'dist/engine', 'dist/grpc.cjs', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  const [cache] = readdirSync(join(folder, 'dist/cli')).filter((file) =>
    file.endsWith(`.js-${process.version}-${process.arch}.cache`),
  )
  return { folder, cache: join(folder, 'dist/cli', cache ?? 'none') }
}

function node(folder: string, ...args: string[]): string {
  return execFileSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

function putAndGet(folder: string, ...flags: string[]): string {
  node(folder, ...flags, 'bin/kv.cjs', 'put', 'k', 'Ä')
  return node(folder, ...flags, 'bin/kv.cjs', 'get', 'k')
}

/** Whether V8 takes the cache of a module; asked of a new process, since one that has compiled the code before does not look. */
function isTaken(cache: string): boolean {
  const [, name] = /([a-z]+)-[^/]*$/.exec(cache)!
  const script = `
    const { Script } = require('node:vm')
    const taken = []
    require('node:vm').Script = class extends Script {
      constructor(text, options) {
        super(text, options)
        taken.push(options.cachedData !== undefined && !this.cachedDataRejected)
      }
    }
    require(process.argv[1])
    console.log(taken.length > 0 && taken.every((it) => it))`
  return node(dirname(cache), '-e', script, `./${name}.cjs`) === 'true\n'
}

test('the build leaves code caches that this Node takes', () => {
  const { folder, cache } = installed()
  const caches = readdirSync(dirname(cache)).filter((file) => file.includes(`-${process.version}-`))
  expect(caches.map((file) => file.replace(/-.*/, ''))).toEqual(['grpc', 'main', 'parser'])
  for (const file of caches) expect([file, isTaken(join(dirname(cache), file))]).toEqual([file, true])
  expect(putAndGet(folder)).toBe('Ä')
})

test('a cold put and get load no large module of Node', () => {
  const { folder } = installed()
  const script = `
    const before = new Set(process.moduleLoadList)
    process.on('exit', () => require('node:fs').writeSync(2, process.moduleLoadList.filter((name) => !before.has(name)).join('\\n')))`
  writeFileSync(join(folder, 'list.cjs'), script)
  for (const line of [
    ['put', 'k', 'v'],
    ['get', 'k'],
  ]) {
    const { stderr } = spawnSync(process.execPath, ['-r', './list.cjs', 'bin/kv.cjs', ...line], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder },
    })
    const names = stderr.split('\n')
    expect(names).toContain('NativeModule vm')
    for (const name of ['crypto', 'child_process', 'worker_threads', 'net', 'http', 'stream', 'readline', 'zlib', 'os'])
      expect(names).not.toContain(`NativeModule ${name}`)
    for (const name of ['perf_hooks', 'internal/abort_controller']) expect(names).not.toContain(`NativeModule ${name}`)
  }
})

test('a put and a get without options load nothing that takes command lines apart', () => {
  const { folder } = installed()
  writeFileSync(
    join(folder, 'list.cjs'),
    `process.on('exit', () => console.error(Object.keys(require.cache).join('\\n')))`,
  )
  const isLoaded = (...line: string[]): boolean =>
    spawnSync(process.execPath, ['-r', './list.cjs', 'bin/kv.cjs', ...line], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder },
    }).stderr.includes('parser.cjs')
  const lines = ['put k v', 'get k', 'get k none', 'get k .field', '--store s.kv put k v', 'get k --store s.kv']
  for (const line of lines) expect([line, isLoaded(...line.split(' '))]).toEqual([line, false])
  for (const line of [
    'put k v w',
    'put',
    'get --json k',
    'get -- k',
    'get k --store=s.kv',
    '--store s.kv --store s.kv get k',
  ])
    expect([line, isLoaded(...line.split(' '))]).toEqual([line, true])
})

test('without a code cache kv works the same, and an installation writes one without a word', () => {
  const { folder, cache } = installed()
  rmSync(cache)
  expect(putAndGet(folder)).toBe('Ä')
  expect(node(folder, 'bin/install.cjs')).toBe('')
  expect(isTaken(cache)).toBe(true)
  expect(readdirSync(join(folder, 'dist/cli')).filter((file) => file.includes('.cache'))).toHaveLength(3)
})

test('a checkout that is not built yet installs without a word', () => {
  const { folder } = installed()
  rmSync(join(folder, 'dist'), { recursive: true })
  expect(node(folder, 'bin/install.cjs')).toBe('')
})

test('a code cache of another V8, cut off or empty is refused, and kv works the same', () => {
  const { folder, cache } = installed()
  const whole = readFileSync(cache)
  const otherVersion = Buffer.from(whole)
  otherVersion[4]! ^= 1
  for (const refused of [
    otherVersion,
    whole.subarray(0, whole.length - 100),
    whole.subarray(0, 10),
    Buffer.alloc(0),
    Buffer.alloc(whole.length),
  ]) {
    writeFileSync(cache, refused)
    expect(isTaken(cache)).toBe(false)
    expect(putAndGet(folder)).toBe('Ä')
  }
})

test('with other V8 flags kv works the same', () => {
  expect(putAndGet(installed().folder, '--no-opt', '--stack-size=900')).toBe('Ä')
})
