import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tempDir } from '../../helpers/temp-dir.ts'
import { PROGRAM, WITHOUT_SQLITE, WORKS } from '../program.ts'
import { type Project, installedPackage } from '../tarball.ts'
import { NODES, type ToolName, Tools } from './tools.ts'

const REQUIRING = PROGRAM.replace(/^import (.*) from (.*)$/m, 'const $1 = require($2)')

/** What installs a tarball: the tool, none for the npm that is there, and its arguments. */
const INSTALLERS: readonly [string, ToolName | undefined, (home: string) => string[]][] = [
  ['npm --engine-strict', undefined, () => ['install', '--engine-strict', '--no-audit', '--no-fund']],
  ['pnpm', 'pnpm', (home) => ['add', '--engine-strict', '--store-dir', join(home, 'pnpm')]],
  ['yarn 1', 'yarn', (home) => ['add', '--non-interactive', '--cache-folder', join(home, 'yarn')]],
]

/**
 * How each bundler takes the package into a program: a module that is run in the folder of the bundler with the
 * program, the folder of the bundle, `es` or `cjs`, and the extension of its files.
 */
const BUNDLERS = {
  esbuild: `import { build } from 'esbuild'
await build({ entryPoints: [input], bundle: true, platform: 'node', format: format === 'es' ? 'esm' : format, outdir,
  outExtension: { '.js': extension }, logLevel: 'error' })`,
  rollup: `import { rollup } from 'rollup'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import commonjs from '@rollup/plugin-commonjs'
const bundle = await rollup({ input, plugins: [nodeResolve({ preferBuiltins: true }), commonjs()], onLog() {} })
await bundle.write({ dir: outdir, format, entryFileNames: '[name]' + extension, chunkFileNames: '[name]' + extension })`,
  rolldown: `import { rolldown } from 'rolldown'
const bundle = await rolldown({ input, platform: 'node', onLog() {} })
await bundle.write({ dir: outdir, format, entryFileNames: '[name]' + extension, chunkFileNames: '[name]' + extension })`,
  webpack: `import webpack from 'webpack'
const es = format === 'es'
const output = { path: outdir, filename: '[name]' + extension, chunkFilename: '[name]' + extension, clean: true,
  ...(es ? { module: true, library: { type: 'module' }, chunkFormat: 'module' } : {}) }
const stats = await new Promise((resolve, reject) => webpack({ mode: 'production', target: 'node20', entry:
  { program: input }, output, experiments: es ? { outputModule: true } : {} }, (error, stats) => error ? reject(error) : resolve(stats)))
if (stats.hasErrors()) throw new Error(stats.toString())`,
  vite: `import { build } from 'vite'
import { dirname } from 'node:path'
await build({ root: dirname(input), logLevel: 'error', configFile: false, ssr: { noExternal: true, target: 'node' }, build: {
  ssr: input, outDir: outdir, rolldownOptions: { output: { format, entryFileNames: '[name]' + extension,
  chunkFileNames: '[name]' + extension } } } })`,
} satisfies Partial<Record<ToolName, string>>

const FORMATS = [
  ['es', '.mjs'],
  ['cjs', '.cjs'],
] as const

describe('the package elsewhere', { timeout: 300_000 }, () => {
  let project: Project
  const home = mkdtempSync(join(tmpdir(), 'kv-test-'))
  const tools = new Tools(join(home, 'tools'))
  beforeAll(() => {
    project = installedPackage(home)
  }, 300_000)
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  /** Runs a program in a folder with nothing of this one's environment; returns what it prints. */
  function run(cwd: string, file: string, ...args: string[]): string {
    const env = { ...project.env, PATH: `${dirname(file)}:${project.env['PATH']}` }
    return execFileSync(file, args, { cwd, env, encoding: 'utf8', stdio: 'pipe' })
  }

  /** A project of the running test's own with the package in it. */
  function ownProject(): string {
    const folder = join(tempDir(), 'project')
    cpSync(project.folder, folder, { recursive: true })
    writeFileSync(join(folder, 'program.mjs'), PROGRAM)
    writeFileSync(join(folder, 'program.cjs'), REQUIRING)
    return folder
  }

  describe.for(NODES)('on Node %s', (version) => {
    /** Whether SQLite is built in. */
    const hasSqlite = version === 'latest'

    test.for(INSTALLERS)('%s installs it', ([, tool, args], context) => {
      const node = tools.file(version, context)
      const folder = tempDir()
      writeFileSync(join(folder, 'package.json'), '{"name":"user","version":"1.0.0","private":true,"license":"MIT"}')
      const before = tool === undefined ? [npm()] : [tools.file(tool, context)]
      run(folder, node, ...before, ...args(home), project.tarball)
      writeFileSync(join(folder, 'program.mjs'), PROGRAM)
      writeFileSync(join(folder, 'program.cjs'), REQUIRING)
      expect(run(folder, node, 'program.mjs', 'a.kv')).toBe(WORKS)
      expect(run(folder, node, 'program.cjs', 'b.kv')).toBe(WORKS)
      const kv = join(folder, 'node_modules/.bin/kv')
      const env = { ...project.env, PATH: `${dirname(node)}:${project.env['PATH']}`, KV_STORE: 'c.kv' }
      execFileSync(kv, ['put', 'k', 'w'], { cwd: folder, env })
      expect(execFileSync(kv, ['get', 'k'], { cwd: folder, env, encoding: 'utf8' })).toBe('w')
    })

    for (const name of Object.keys(BUNDLERS) as (keyof typeof BUNDLERS)[])
      test.for(FORMATS)(`a bundle of ${name} runs (%s)`, ([format, extension], context) => {
        const node = tools.file(version, context)
        const folder = ownProject()
        const out = join(folder, 'out')
        bundle(name, context, { input: join(folder, 'program.mjs'), outdir: out, format, extension })
        expect(readFileSync(join(out, `program${extension}`), 'utf8')).not.toMatch(/["']kvfile["']/)
        expect(run(folder, node, `out/program${extension}`, 'a.kv')).toBe(WORKS)

        // Away from the project, and without it, there is no addon to be found.
        const elsewhere = tempDir()
        cpSync(out, elsewhere, { recursive: true })
        rmSync(folder, { recursive: true })
        expect(run(elsewhere, node, `program${extension}`, 'b.kv')).toBe(hasSqlite ? WORKS : WITHOUT_SQLITE)
      })
  })

  test('Bun runs it', (context) => {
    const bun = tools.file('bun', context)
    const folder = ownProject()
    expect(run(folder, bun, 'program.mjs', 'a.kv')).toBe(WORKS)
    expect(run(folder, bun, 'program.cjs', 'b.kv')).toBe(WORKS)
  })

  test('Deno runs it', (context) => {
    const deno = tools.file('deno', context)
    const folder = ownProject()
    expect(run(folder, deno, 'run', '-A', 'program.mjs', 'a.kv')).toBe(WORKS)
    expect(run(folder, deno, 'run', '-A', 'program.cjs', 'b.kv')).toBe(WORKS)
  })

  /** Bundles a program with the package inside. */
  function bundle(
    name: keyof typeof BUNDLERS,
    context: TestContext,
    into: { input: string; outdir: string; format: string; extension: string },
  ): void {
    tools.file(name, context)
    const script = join(tools.folder(name), 'bundle.mjs')
    mkdirSync(dirname(script), { recursive: true })
    const given = 'const { input, outdir, format, extension } = JSON.parse(process.argv[2])'
    writeFileSync(script, `${BUNDLERS[name].replace(/^(?!import )/m, `${given}\n`)}\n`)
    execFileSync(process.execPath, [script, JSON.stringify(into)], { stdio: 'pipe', encoding: 'utf8' })
  }
})

/** The program of npm, to be run by any Node. */
function npm(): string {
  return execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim() + '/npm/bin/npm-cli.js'
}
