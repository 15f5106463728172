/** Runs a benchmark of `bench/`: `node scripts/bench.mjs NAME [options]`. Needs a build. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [name, ...options] = process.argv.slice(2)
const files = readdirSync(join(root, 'bench'))
if (!files.includes(`${name}.ts`)) throw new Error(`no benchmark ${name}; there are ${files.join(' ')}`)
// Some start each other as processes.
const build = await rolldown({
  input: files.map((file) => join(root, 'bench', file)),
  platform: 'node',
  external: /^[^./]/,
})
await build.write({ dir: join(root, 'dist/bench'), format: 'es' })
await build.close()
process.argv = [process.argv[0], name, ...options]
await import(pathToFileURL(join(root, 'dist/bench', `${name}.js`)).href)
