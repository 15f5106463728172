import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of the bundle, where this code was bundled to CommonJS. */
declare const __filename: string

/**
 * The folder of this code: `dist/cli`, `dist/chunks` or `dist/cjs/chunks` of the package, or that of the program into
 * which it was bundled. A bundler that makes CommonJS leaves `import.meta` empty; there it is the folder of the bundle.
 */
export function codeFolder(): string {
  const url = (import.meta as { readonly url?: string }).url
  return dirname(url === undefined ? __filename : fileURLToPath(url))
}

/** Where the code of threads is: from the command line's, from the library (ES modules, CommonJS), and from the sources. */
const THREAD_FOLDERS = ['.', '../cli', '../../cli', '../dist/cli']

/** The file of a thread's code; `undefined` in a program that was bundled without it. */
export function threadScript(name: 'parse-worker' | 'export-worker' | 'merge-worker'): string | undefined {
  return THREAD_FOLDERS.map((folder) => join(codeFolder(), folder, `${name}.cjs`)).find((file) => existsSync(file))
}
