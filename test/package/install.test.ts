import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { printedBy } from '../helpers/examples.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { PROGRAM, WITHOUT_SQLITE, WORKS } from './program.ts'
import { type Project, bytesOf, installedPackage } from './tarball.ts'

const USER = `
import type { Blocks, Code, Driver, Entry, Head, PutResult, Stat, TextOptions } from 'kvfile'
import type { TextView, ViewBatchOp, ViewChange, ViewEntry, ViewPutOptions, ViewWatch } from 'kvfile'
import { CODES, KvError, openStore } from 'kvfile'
await using store = await openStore('lib-' + Math.random() + '.kv')
const { created }: { created: boolean } = await store.put('user:1', 'Ada')
const all: Entry[] = []
for await (const entry of store.range({ prefix: 'user:' })) all.push(entry)
if (!created || all.length !== 1) throw new KvError('KV_INTERNAL', 'it does not work')
await store.putJson('user:2', { born: 1906 })
const born: number = (await store.getJson<{ born: number }>('user:2'))!.born
const view: TextView = store.text()
const entries: ViewEntry[] = []
for await (const entry of view.range({ prefix: 'user:', limit: 1 })) entries.push(entry)
const shown: string = entries[0]!.value
const operations: ViewBatchOp[] = [{ type: 'put', key: 'a', value: 'b', ttl: 5000 }, { type: 'del', key: 'c' }]
await view.batch(operations)
const asked: ViewPutOptions = { condition: { type: 'revision', revision: 0 }, expires: new Date(Date.now() + 5000) }
const { applied, revision }: PutResult = await view.put('a', 'x', asked)
const head: Head | undefined = await store.head('a')
const watch: ViewWatch<string, string> = await view.watch({ after: '0' })
for await (const change of watch) {
  const seen: ViewChange = change
  if (seen.type === 'put') break
}
const code: Code = 'KV_NOT_TEXT'
const stat: Stat = await store.stat()
if (born !== 1906 || applied || revision === 0 || head?.valueBytes !== 1 || stat.entries !== 3 || CODES[code].exit !== 2)
  throw new Error('it does not work')
console.log(shown)
`

const REQUIRES = `
async function main(): Promise<void> {
  const store: kvfile.Store = await kvfile.openStore('required.kv')
  await store.put('user:1', 'Ada')
  console.log(new TextDecoder().decode(await store.get('user:1')))
  await store.close()
}
void main()
`

const LONG_RANGE = `
let threads = 0
const { Worker } = workers
workers.Worker = class extends Worker {
  constructor(...args) {
    super(...args)
    threads++
  }
}
openStore('long-' + Math.random() + '.kv').then(async (store) => {
  const value = 'x'.repeat(1000)
  await store.batch(Array.from({ length: 6000 }, (_, i) => ({ type: 'put', key: 'k' + i, value })))
  for await (const _ of store.rangeText({ parallel: true }));
  await store.close()
  console.log(threads)
})
`

const ADAPTERS = `
import { openStore } from 'kvfile'
import { KeyvAdapter } from 'kvfile/keyv'
import { kvDriver } from 'kvfile/unstorage'
async function main(): Promise<void> {
  await using store = await openStore('memory:')
  await new KeyvAdapter(store).set('a', '1', 5000)
  const item: string | null = await kvDriver({ store }).getItem('a')
  console.log(item)
}
void main()
`

/** For a compiler: no types but the package's own and those of the language. */
const OWN_TYPES = [
  '--strict',
  '--skipLibCheck',
  'false',
  '--typeRoots',
  'none',
  '--module',
  'nodenext',
  '--target',
  'es2022',
  '--lib',
  'es2023,esnext.disposable,dom,dom.asynciterable',
]

/** Whether SQLite is built into this Node. */
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number)
const HAS_SQLITE = MAJOR > 22 || (MAJOR === 22 && MINOR >= 13)

describe('the packed tarball', { timeout: 120_000 }, () => {
  let project: Project
  const home = mkdtempSync(join(tmpdir(), 'kv-test-'))
  beforeAll(() => {
    project = installedPackage(home)
  }, 120_000)
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  const run = (file: string, ...args: string[]): string =>
    execFileSync(file, args, { cwd: project.folder, env: project.env, encoding: 'utf8', stdio: 'pipe' })
  const kv = (...args: string[]): string => run(join(project.folder, 'node_modules/.bin/kv'), ...args)

  test('holds the program, the library and the documents, and nothing else', () => {
    const { files } = project
    const wanted = [
      'bin/kv.cjs',
      'dist/cli/main.cjs',
      'dist/index.js',
      'dist/types/index.d.ts',
      'package.json',
      'README.md',
      'LICENSE',
    ]
    expect(files).toEqual(expect.arrayContaining(wanted))
    const known = /^(bin|dist)\/|^(package\.json|README\.md|LICENSE|(CHANGELOG|DESIGN|FORMAT)\.md)$/
    expect(files.filter((path) => !known.test(path))).toEqual([])
  })

  test('is one package of less than 10 MB', () => {
    const { packages } = JSON.parse(readFileSync(join(project.folder, 'package-lock.json'), 'utf8')) as {
      packages: object
    }
    expect(Object.keys(packages)).toEqual(['', 'node_modules/kvfile'])
    expect(bytesOf(join(project.folder, 'node_modules'))).toBeLessThan(10_000_000)
  })

  test('installs a program that works', () => {
    kv('put', 'k', 'v')
    expect(kv('get', 'k')).toBe('v')
    expect(existsSync(join(project.env['HOME']!, '.local/share/kv/default.kv'))).toBe(true)
  })

  test('installs a server with its pages', async () => {
    const server = spawn(join(project.folder, 'node_modules/.bin/kv'), ['serve', '--port', '0'], {
      env: project.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    onTestFinished(() => void server.kill('SIGKILL'))
    const address = await new Promise<string>((resolve) => {
      let text = ''
      server.stderr.on('data', (data: Buffer) => {
        text += data.toString()
        const found = /http:\/\/[\d.]+:\d+/.exec(text)
        if (found !== null) resolve(found[0])
      })
    })
    const paths = [
      '/health',
      '/metrics',
      '/openapi.json',
      '/docs',
      '/docs/static/swagger-ui-bundle.js',
      '/docs/static/swagger-ui-standalone-preset.js',
      '/docs/static/swagger-ui.css',
      '/docs/static/index.css',
      '/docs/static/swagger-initializer.js',
    ]
    const statuses = await Promise.all(paths.map(async (path) => [path, (await fetch(address + path)).status]))
    expect(statuses).toEqual(paths.map((path) => [path, 200]))
    const own = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json'))
    for (const name of ['swagger-ui-bundle.js', 'swagger-ui.css', 'index.css']) {
      const url = `${address}/docs/static/${name}`
      const whole = await fetch(url)
      const again = await fetch(url, { headers: { 'if-none-match': whole.headers.get('etag')! } })
      expect(again.status).toBe(304)
      expect(await whole.text()).toBe(readFileSync(join(own, 'static', name), 'utf8'))
    }
  })

  test.for(['typescript', 'typescript-5.4'])('has whole types for %s', (compiler) => {
    writeFileSync(join(project.folder, 'user.ts'), USER)
    const tsc = join(dirname(createRequire(import.meta.url).resolve(`${compiler}/package.json`)), 'bin/tsc')
    run(process.execPath, tsc, ...OWN_TYPES, 'user.ts')
    expect(readdirSync(project.folder)).toContain('user.js')
    expect(run(process.execPath, 'user.js')).toBe('Ada\n')
  })

  test.for(['mts', 'cts'])('has adapters with types (%s)', (extension) => {
    writeFileSync(join(project.folder, `adapters.${extension}`), ADAPTERS)
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript-5.4/package.json')), 'bin/tsc')
    run(process.execPath, tsc, ...OWN_TYPES, `adapters.${extension}`)
    expect(run(process.execPath, `adapters.${extension.replace('ts', 'js')}`)).toBe('1\n')
  })

  test('does what the README says, line by line', () => {
    const readme = readFileSync(join(project.folder, 'node_modules/kvfile/README.md'), 'utf8')
    const [section] = /## As a library\n[^]*?(?=\n## )/.exec(readme)!
    const programs = [...section.matchAll(/```js\n([^]*?)```/g)].map(([, program]) => program!)
    const counts = programs.map((program) => {
      writeFileSync(join(project.folder, 'readme.mjs'), program)
      const lines = printedBy(program)
      expect(run(process.execPath, 'readme.mjs').trimEnd().split('\n')).toEqual(lines)
      return lines.length
    })
    expect(counts).toEqual([7, 5])
  })

  test('can be required', () => {
    writeFileSync(join(project.folder, 'user.cts'), `import kvfile = require('kvfile')\n${REQUIRES}`)
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    run(
      process.execPath,
      tsc,
      '--strict',
      '--typeRoots',
      'none',
      '--module',
      'node16',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable,dom',
      'user.cts',
    )
    // Without the loader of ES modules for require(), which older versions of Node 20 lack.
    const flag = process.allowedNodeEnvironmentFlags.has('--experimental-require-module')
      ? ['--no-experimental-require-module']
      : []
    expect(run(process.execPath, ...flag, 'user.cjs')).toBe('Ada\n')
  })

  // Where there is a second processor, a long range in JSON Lines has a thread beside it.
  test.for([
    ['mjs', "import workers from 'node:worker_threads'\nimport { openStore } from 'kvfile'"],
    ['cjs', "const workers = require('node:worker_threads')\nconst { openStore } = require('kvfile')"],
  ])('has a second thread for a long range (%s)', ([type, imports]) => {
    const file = `thread.${type}`
    writeFileSync(join(project.folder, file), `${imports}\n${LONG_RANGE}`)
    expect(run(process.execPath, file)).toBe(availableParallelism() > 1 ? '1\n' : '0\n')
  })

  test.for([
    ['cjs', false],
    ['cjs', true],
    ['es', false],
  ] as const)('can be bundled to %s (import.meta left empty: %s)', async ([format, emptied]) => {
    writeFileSync(join(project.folder, 'program.js'), PROGRAM)
    const file = `bundle.${format === 'cjs' ? 'cjs' : 'mjs'}`
    // What esbuild does with import.meta in CommonJS.
    const transform = emptied ? { define: { 'import.meta.url': 'undefined' } } : {}
    const bundle = await rolldown({
      input: join(project.folder, 'program.js'),
      platform: 'node',
      transform,
      onLog: () => {},
    })
    await bundle.write({ file: join(project.folder, file), format, codeSplitting: false })
    await bundle.close()
    expect(run(process.execPath, file, join(project.folder, 'bundle.kv'))).toBe(WORKS)

    // Away from the project there is no addon to be found.
    const elsewhere = tempDir()
    cpSync(join(project.folder, file), join(elsewhere, file))
    const store = join(elsewhere, 'bundle.kv')
    const said = execFileSync(process.execPath, [join(elsewhere, file), store], {
      cwd: elsewhere,
      env: project.env,
      encoding: 'utf8',
    })
    expect(said).toBe(HAS_SQLITE ? WORKS : WITHOUT_SQLITE)
  })
})
