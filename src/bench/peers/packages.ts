import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Absent } from './peer.ts'

/**
 * Loads a package that is none of ours: from the project in the working folder, or from where npm
 * installs globally. Throws {@link Absent} when it is in neither.
 */
export function userPackage<T>(name: string): { readonly module: T; readonly version: string } {
  const load = createRequire(join(process.cwd(), 'kv-bench.js'))
  let path: string
  try {
    path = load.resolve(name, { paths: [process.cwd(), join(dirname(process.execPath), '..', 'lib')] })
  } catch {
    throw new Absent(`no npm package ${name} here or installed globally`)
  }
  return { module: load(path) as T, version: versionOf(path, name) }
}

/** From the `package.json` above a file; not every package lets it be asked for by name. */
function versionOf(path: string, name: string): string {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) continue
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
    if (manifest.name === name) return manifest.version ?? 'unknown'
  }
  return 'unknown'
}
