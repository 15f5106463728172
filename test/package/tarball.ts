import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A project in which the package is installed from its tarball, as a user would. */
export interface Project {
  /** Its folder. */
  readonly folder: string
  /** The tarball. */
  readonly tarball: string
  /** Paths in the tarball. */
  readonly files: readonly string[]
  /** Where stores of the user go, and nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
}

/** Packs this checkout as it is built and installs it below `home`, refusing what this Node does not meet. */
export function installedPackage(home: string): Project {
  const npm = (...args: string[]): string =>
    execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  execFileSync(process.execPath, ['scripts/pack-addons.mjs'], { cwd: ROOT })
  // The build of this checkout is packed; building it again would take it away from tests running now.
  const [packed] = JSON.parse(npm('pack', '--ignore-scripts', '--json', '--pack-destination', home)) as [
    { filename: string; files: { path: string }[] },
  ]
  const folder = join(home, 'project')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true,"type":"module"}')
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--engine-strict']
  const tarball = join(home, packed.filename)
  npm('install', '--prefix', folder, ...flags, tarball)
  const env = { PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`, HOME: home }
  return { folder, tarball, files: packed.files.map(({ path }) => path), env }
}

/** The bytes of all files below a folder. */
export function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
}
