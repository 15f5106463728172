import { dirname } from 'node:path'
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
