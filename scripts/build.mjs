/**
 * Builds `dist`: the library as ES modules and as CommonJS with types, and the command line as CommonJS, which
 * Node starts 9 ms sooner, with one chunk per command.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { addons } from './addons.mjs'
import { grpcFile, withBuiltinModules } from './grpc.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)
// The archives of dist/engine, which take half a minute to make, stay.
for (const name of existsSync('dist') ? readdirSync('dist') : [])
  if (name !== 'engine') rmSync(join('dist', name), { recursive: true })

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
/**
 * What commander gets for modules of Node that it loads at once: `node:child_process` (3 ms in Node) for subcommands that
 * are programs of their own, which kv has none of, when it asks for a member; of `node:events` (0.2 ms in Bun) what it
 * uses; and `process` without its module.
 */
const COMMANDER_MODULES = {
  'node:child_process':
    'export const spawn = (...args) => process.getBuiltinModule("node:child_process").spawn(...args)',
  'node:events': `export class EventEmitter {
    #listeners = new Map()
    on(event, listener) {
      this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener])
      return this
    }
    emit(event, ...args) {
      const listeners = this.#listeners.get(event) ?? []
      for (const listener of listeners) listener.apply(this, args)
      return listeners.length > 0
    }
    listenerCount(event) {
      return this.#listeners.get(event)?.length ?? 0
    }
  }`,
  'node:process': 'module.exports = process',
}
const commanderModules = {
  name: 'commander-modules',
  resolveId: (id, importer) =>
    Object.hasOwn(COMMANDER_MODULES, id) && /node_modules.commander/.test(importer) ? `\0commander:${id}` : undefined,
  load: (id) => (id.startsWith('\0commander:') ? COMMANDER_MODULES[id.slice('\0commander:'.length)] : undefined),
}

/**
 * What Fastify and its plugins would load for services that kv does not ask of them: schemas are only shown, nothing is
 * logged or injected, proxies are not asked for addresses, plugins fit, files are served by kv, and JSON is YAML as well.
 */
const UNUSED = {
  '@fastify/ajv-compiler': 'module.exports = {}',
  '@fastify/fast-json-stringify-compiler': 'module.exports = {}',
  '@fastify/proxy-addr': 'module.exports = {}',
  '@fastify/static': 'module.exports = async () => {}',
  '@opentelemetry/api': 'module.exports = {}',
  debug: 'module.exports = () => () => {}',
  'light-my-request': 'module.exports = {}',
  pino: 'module.exports = {}',
  semver: 'exports.satisfies = () => true',
  yaml: 'exports.stringify = (document) => JSON.stringify(document, null, 2)',
}
const unused = {
  name: 'unused',
  resolveId: (id) => (Object.hasOwn(UNUSED, id) ? `\0unused:${id}` : undefined),
  load: (id) => (id.startsWith('\0unused:') ? UNUSED[id.slice('\0unused:'.length)] : undefined),
}

/** `import text from './file?raw'`: the file as a string, as in the tests' bundler. */
const rawText = {
  name: 'raw-text',
  resolveId: async function (id, importer) {
    if (!id.endsWith('?raw')) return undefined
    const bare = id.slice(0, -'?raw'.length)
    return `${bare.startsWith('.') ? join(dirname(importer), bare) : createRequire(importer).resolve(bare)}?raw`
  },
  load: (id) =>
    id.endsWith('?raw')
      ? {
          code: `export default ${JSON.stringify(readFileSync(id.slice(0, -'?raw'.length), 'utf8'))}`,
          moduleType: 'js',
        }
      : undefined,
}

const PLUGINS = [commanderModules, unused, rawText]

/** @type {import('rolldown').InputOptions} */
const common = {
  platform: 'node',
  external: (id, importer) => id.startsWith('node:') && !commanderModules.resolveId(id, importer),
  transform: { define: { __VERSION__: JSON.stringify(version) } },
}

/** @param grpc the path of the client of gRPC, as the files of the bundle write it */
async function bundle(input, output, grpc = '../grpc.cjs') {
  const build = await rolldown({ ...common, plugins: [...PLUGINS, grpcFile(grpc)], input })
  const { output: chunks } = await build.write(output)
  await build.close()
  return chunks
}

/** The modules that these load at once. */
async function modulesOf(...input) {
  const build = await rolldown({ ...common, plugins: [...PLUGINS, grpcFile('grpc.cjs')], input })
  const { output } = await build.generate({ format: 'cjs' })
  await build.close()
  const chunks = new Map(output.flatMap((chunk) => (chunk.type === 'chunk' ? [[chunk.fileName, chunk]] : [])))
  const names = new Set()
  const add = (name) => {
    if (names.has(name) || !chunks.has(name)) return
    names.add(name)
    chunks.get(name).imports.forEach(add)
  }
  for (const chunk of chunks.values()) if (chunk.isEntry) add(chunk.fileName)
  return new Set([...names].flatMap((name) => chunks.get(name).moduleIds))
}

/** What runs `get` and `put` without options, in one file: each file read at start costs a quarter of a millisecond. */
const core = await modulesOf(
  'src/main.ts',
  'src/commands/get/get-keys.ts',
  'src/commands/put/put-entry.ts',
  'src/drivers/sqlite/driver.ts',
)
const heavy = [...core].find((id) => /node_modules/.test(id))
if (heavy !== undefined) throw new Error(`every start would run ${heavy}: import it where it is needed`)

/** What takes other command lines apart, and writes the help. */
const parser = await modulesOf(
  'src/cli/build-program.ts',
  'src/cli/line/split-flags.ts',
  'src/cli/line/range-arguments.ts',
  'src/commands/get.ts',
  'src/commands/put.ts',
)

/** What a range as JSON Lines and a load of them need, in one file for the same reason. */
const JSON_LINES =
  /src\/(formats\/(byte-buffer|encoded|utf8|json\/(writer|scanner|string))|output\/(print-entries|safe-parts))\.ts$/

copyAddons()
const grpcChunks = await bundle('grpc', { file: 'dist/grpc.cjs', format: 'cjs', minify: true })
const CLI = { dir: 'dist/cli', format: 'cjs', minify: true, entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs' }
const chunks = await bundle(
  { start: 'src/main.ts' },
  {
    ...CLI,
    codeSplitting: {
      groups: [
        { name: 'main', priority: 2, test: (id) => core.has(id) },
        { name: 'parser', priority: 1, test: (id) => parser.has(id) },
        { name: 'json-lines', test: JSON_LINES },
      ],
    },
  },
  './grpc.cjs',
)
mergeStart()
// Each in one file, with nothing in it that a thread does not need.
for (const worker of [
  'src/load/parse-worker.ts',
  'src/drivers/sqlite/export/export-worker.ts',
  'src/drivers/sqlite/long-load/merge-worker.ts',
])
  await bundle({ [basename(worker, '.ts')]: worker }, { ...CLI, codeSplitting: false })
await cacheCode()
packPage()
await writeManual()
// Names of functions and classes stay, for stacks; the rest would take a fifth of a megabyte for each of the two.
const LIBRARY = {
  chunkFileNames: 'chunks/[name].js',
  comments: false,
  minify: {
    compress: { keepNames: { function: true, class: true } },
    mangle: { keepNames: true },
    codegen: { removeWhitespace: true },
  },
}
/** What programs import: `kvfile`, `kvfile/keyv` and so on. */
const ENTRIES = { index: 'src/index.ts', keyv: 'src/adapters/keyv.ts', unstorage: 'src/adapters/unstorage.ts' }
await bundle(ENTRIES, { ...LIBRARY, dir: 'dist', format: 'es' })
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
removeUnnamedTypes()
// The same for require(), which takes no ES modules before Node 20.19.
await bundle(ENTRIES, { ...LIBRARY, dir: 'dist/cjs', format: 'cjs' }, '../../grpc.cjs')
copyTypes()
writeFileSync('dist/cjs/package.json', '{"type":"commonjs"}\n')

writeFileSync(
  'dist/THIRD-PARTY-LICENSES.txt',
  `${licenses([...chunks, ...grpcChunks])}\n----------------------------------------\n\nThe files in dist/static but index.css are those of swagger-ui (Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0).\n`,
)

/** The SQLite of this platform for a Node without it; `npm pack` puts archives for all platforms beside, see pack-addons.mjs. */
function copyAddons() {
  mkdirSync('dist/engine', { recursive: true })
  for (const { name, file } of addons())
    if (name.startsWith(`${process.platform}-${process.arch}`)) {
      // A process that has the old file loaded keeps it.
      rmSync(join('dist/engine', name), { force: true })
      cpSync(file, join('dist/engine', name))
    }
}

/** The same types for require(), without their comments: those of the ES modules have them. */
function copyTypes() {
  cpSync('dist/types', 'dist/cjs/types', { recursive: true })
  for (const entry of readdirSync('dist/cjs/types', { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath ?? entry.path, entry.name)
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^\s*\/\*\*[^]*?\*\/\n/gm, ''))
  }
}

/** Removes the types of files that no signature of the library leads to. */
function removeUnnamedTypes() {
  const named = new Set()
  const add = (file) => {
    if (named.has(file)) return
    named.add(file)
    for (const [, to] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']*)\.[jt]s'/g))
      add(join(dirname(file), `${to}.d.ts`))
  }
  for (const entry of Object.values(ENTRIES)) add(join('dist', 'types', relative('src', entry).replace(/ts$/, 'd.ts')))
  for (const entry of readdirSync('dist/types', { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath ?? entry.path, entry.name)
    if (entry.isFile() && !named.has(file)) rmSync(file)
  }
}

/** The manual page, of the help texts of the commands. */
async function writeManual() {
  const dir = 'dist/man'
  await bundle({ man: 'src/man.ts' }, { dir, format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false })
  const { manualPage } = createRequire(import.meta.url)(resolve(dir, 'man.cjs'))
  rmSync(join(dir, 'man.cjs'))
  writeFileSync(join(dir, 'kv.1.gz'), gzipSync(await manualPage(new Date()), { level: 9 }))
}

/** The files of the interactive page of the API, compressed. */
function packPage() {
  const from = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')), 'static')
  mkdirSync('dist/static', { recursive: true })
  for (const file of ['index.css', 'swagger-ui.css', 'swagger-ui-bundle.js'])
    writeFileSync(join('dist/static', `${file}.br`), brotliCompressSync(readFileSync(join(from, file))))
}

/**
 * Takes what the bundler keeps in files of their own into `main.cjs`: its entry, which only hands out `main` and
 * `start`, and its few lines of runtime.
 */
function mergeStart() {
  const read = (name) => readFileSync(`dist/cli/${name}`, 'utf8')
  const call = 'require("./rolldown-runtime.cjs")'
  const [, main, start] = /exports\.main=\w+\.(\w+),exports\.start=\w+\.(\w+);/.exec(read('start.cjs'))
  const runtime = `(exports.runtime=(exports=>{${read('rolldown-runtime.cjs')}return exports})({}))`
  writeFileSync(
    'dist/cli/main.cjs',
    `${read('main.cjs').replace(call, () => runtime)}\nexports.main=exports.${main};exports.start=exports.${start};`,
  )
  for (const name of ['start.cjs', 'rolldown-runtime.cjs']) rmSync(`dist/cli/${name}`)
  for (const name of readdirSync('dist/cli'))
    if (name !== 'main.cjs')
      writeFileSync(
        `dist/cli/${name}`,
        read(name).replace(`=${call}`, '=require("./main.cjs").runtime').replace(call, '0'),
      )
}

/** Lets what starts, and the client of gRPC, run out of V8's code cache, and writes the caches for this Node; see scripts/run-cached.cjs. */
async function cacheCode() {
  for (const name of ['main', 'parser']) {
    const code = readFileSync(`dist/cli/${name}.cjs`, 'utf8')
    if (/\bimport\(/.test(code))
      throw new Error(
        `${name}.cjs has an import(): code that runs out of the cache cannot load ES modules, use require or process.getBuiltinModule`,
      )
    const file = `${name}-${hashOf(inAscii(code))}.js`
    writeFileSync(`dist/cli/${file}`, inAscii(code))
    writeCached(name, file, file)
  }
  const grpc = withBuiltinModules(inAscii(readFileSync('dist/grpc.cjs', 'utf8')))
  writeFileSync('dist/grpc.cjs', grpc)
  writeCached('grpc', '../grpc.cjs', `grpc-${hashOf(grpc)}`)
  await createRequire(import.meta.url)('../bin/code-cache.cjs').write()
}

function writeCached(name, file, cache) {
  const template = readFileSync('scripts/run-cached.cjs', 'utf8')
  const text = template.replaceAll('NAME', name).replaceAll('FILE', file).replaceAll('CACHE', cache)
  writeFileSync(`dist/cli/${name}.cjs`, text)
}

function inAscii(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function hashOf(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** The licence texts of the packages whose code stands in the bundle. */
function licenses(list) {
  const packages = new Set()
  for (const chunk of list) {
    for (const id of Object.keys(chunk.modules ?? {})) {
      const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)
      if (found) packages.add(found[1])
    }
  }
  // Most have the same text below a copyright line of their own, so that text stands once.
  const texts = new Map()
  for (const folder of [...packages].sort()) {
    const { name, version: its, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    const lines = (file ? readFileSync(join(folder, file), 'utf8') : '').trim().split(/\r?\n/)
    const isOwn = (line) => /^\s*(copyright|\(c\)|all rights reserved)/i.test(line)
    const text = lines.filter((line) => !isOwn(line)).join('\n')
    const id = text.replaceAll(/\W+/g, ' ').toLowerCase()
    const found = texts.get(id) ?? { text: text.trim(), names: [] }
    found.names.push([`${name} ${its} (${license})`, ...lines.filter(isOwn)].join('\n  '))
    texts.set(id, found)
  }
  return [...texts.values()]
    .map(({ names, text }) => `${names.join('\n')}\n\n${text}\n`)
    .join('\n----------------------------------------\n\n')
}
