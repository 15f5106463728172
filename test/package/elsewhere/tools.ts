import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'vitest'

/** Flags of npm for packages that are only to lie there: their scripts would download. */
const FLAGS = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']

const NODE = `node-${process.platform}-${process.arch}`

/** The oldest Node that the package is for, and the newest. */
export const NODES = ['20.17.0', 'latest'] as const

/** Packages of npm's registry that a tool is made of, and the file of it that is run. */
const TOOLS = {
  '20.17.0': { packages: [`${NODE}@20.17.0`], file: `${NODE}/bin/node` },
  latest: { packages: [`${NODE}@latest`], file: `${NODE}/bin/node` },
  // Newer ones do not run on Node 20.
  pnpm: { packages: ['pnpm@10'], file: 'pnpm/bin/pnpm.cjs' },
  yarn: { packages: ['yarn@1'], file: 'yarn/bin/yarn.js' },
  esbuild: { packages: ['esbuild@0.28'], file: 'esbuild/lib/main.js' },
  rollup: {
    packages: ['rollup@4', '@rollup/plugin-node-resolve@16', '@rollup/plugin-commonjs@29'],
    file: 'rollup/dist/rollup.js',
  },
  rolldown: { packages: ['rolldown@1'], file: 'rolldown/dist/index.mjs' },
  webpack: { packages: ['webpack@5'], file: 'webpack/lib/index.js' },
  vite: { packages: ['vite@8'], file: 'vite/dist/node/index.js' },
  bun: {
    packages: [`@oven/bun-${process.platform}-${process.arch}@1`],
    file: `@oven/bun-${process.platform}-${process.arch}/bin/bun`,
  },
  deno: {
    packages: [`@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}@2`],
    file: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}/deno`,
  },
} satisfies Record<string, { packages: string[]; file: string }>

/** The name of a tool. */
export type ToolName = keyof typeof TOOLS

/** Tools from npm's registry, each installed below a folder when it is first asked for. */
export class Tools {
  readonly #folder: string

  /** @param folder where they go; whoever made it removes it */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** The file of a tool. Where it cannot be had the test is skipped with a warning, and fails in CI. */
  file(name: ToolName, { skip }: TestContext): string {
    const { packages, file } = TOOLS[name]
    const folder = this.folder(name)
    const path = join(folder, 'node_modules', file)
    if (existsSync(path)) return path
    mkdirSync(folder, { recursive: true })
    try {
      execFileSync('npm', ['install', '--prefix', folder, ...FLAGS, ...packages], { encoding: 'utf8', stdio: 'pipe' })
    } catch (error) {
      const missing = `${name} cannot be installed: ${(error as { stderr: string }).stderr}`
      if (process.env['CI']) throw new Error(missing, { cause: error })
      console.warn(missing)
      skip(missing)
    }
    return path
  }

  /** The folder in which a tool is installed: a program in it can import its packages. */
  folder(name: ToolName): string {
    return join(this.#folder, name)
  }
}
