import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/**
 * Who may import whom, in the order of the layers: a row may import only rows above it, so that there are no circles
 * between folders. A row is a folder without its subfolders, or a file that is a layer of its own; `folder/**` names
 * every row in and below a folder; a row `folder/*` holds for each of its folders without a row of its own. Every row may
 * import {@link EVERYWHERE} and `node:` modules. The third column may be imported with `import type` only.
 */
type Layer = readonly [row: string, may: string, types?: string]

const LISTED: readonly Layer[] = [
  ['errors.ts', ''],
  ['async.ts', ''],
  ['shell-quote.ts', ''],
  ['process-id.ts', ''],
  ['bytes.ts', ''],
  ['duration.ts', ''],
  ['safe-text.ts', ''],
  ['text-width.ts', 'string-width'],
  ['process', ''],
  ['io.ts', 'process'],
  ['code-folder.ts', ''],
  ['store/driver/entry.ts', ''],
  ['store/input.ts', 'store/driver/entry.ts'],
  ['store/expiry.ts', 'store/**'],
  ['blocks', 'store/**'],
  ['store/driver', 'store/driver/entry.ts blocks', 'store/**'],
  ['store/folders', 'store/driver', 'store/**'],
  ['store/stream', 'store/driver blocks', 'store/**'],
  ['store', 'store/** blocks'],
  ['store/atomic', 'store/** blocks'],
  ['store/views', 'store/** blocks'],
  ['store/store.ts', 'store/** blocks'],
  ['child-process.ts', 'io.ts'],
  ['lock', 'store/**'],
  ['copy', 'store/** blocks'],
  ['formats', 'store/** blocks', 'io.ts'],
  ['formats/*', 'formats store/** blocks'],
  ['formats/display', 'formats text-width.ts chalk cli-table3 string-width', 'store/**'],
  ['formats/selection', 'formats formats/json formats/csv blocks', 'store/**'],
  ['formats/parsers.ts', 'formats/**'],
  ['formats/index.ts', 'formats/**', 'io.ts'],
  ['load/byte-source.ts', 'io.ts'],
  ['load/unpack', 'load/byte-source.ts zstddec'],
  ['load/encoding', ''],
  ['load', 'load/** formats/** store/** blocks io.ts'],
  ['load/files', 'load/** formats/** store/** blocks io.ts'],
  ['output', 'formats/**', 'store/** io.ts'],
  ['terminal', 'output text-width.ts io.ts string-width'],
  ['drivers/kit', 'store/**'],
  ['protocol', 'formats/**', 'store/**'],
  ['drivers/location.ts', ''],
  ['drivers/options.ts', 'store/**'],
  ['drivers/*', 'store/** blocks drivers/kit drivers/location.ts drivers/options.ts'],
  ['drivers/http', 'store/** blocks drivers/kit drivers/location.ts drivers/options.ts protocol formats/**'],
  ['drivers/etcd/wire', '@bufbuild/protobuf'],
  ['drivers/etcd/keys.ts', 'store/**'],
  ['drivers/etcd/cluster', 'drivers/etcd/wire drivers/kit @grpc/grpc-js'],
  ['drivers/etcd/lease', 'drivers/etcd/wire drivers/etcd/cluster store/**'],
  [
    'drivers/etcd/read',
    'drivers/etcd/wire drivers/etcd/cluster drivers/etcd/keys.ts drivers/etcd/lease drivers/kit store/** blocks formats/**',
  ],
  [
    'drivers/etcd/watch',
    'drivers/etcd/wire drivers/etcd/cluster drivers/etcd/keys.ts drivers/etcd/lease drivers/kit store/** blocks',
  ],
  [
    'drivers/etcd/write',
    'drivers/etcd/wire drivers/etcd/cluster drivers/etcd/keys.ts drivers/etcd/lease store/** blocks',
  ],
  ['drivers/etcd', 'drivers/etcd/** drivers/kit drivers/location.ts drivers/options.ts store/** blocks'],
  ['drivers/sqlite/engine', ''],
  ['drivers/sqlite/format', ''],
  ['drivers/sqlite/layout', ''],
  ['drivers/sqlite/bound', '', 'drivers/sqlite/engine'],
  ['drivers/sqlite/locks', 'drivers/sqlite/engine drivers/sqlite/format'],
  ['drivers/sqlite/identity', 'drivers/sqlite/format drivers/sqlite/locks'],
  [
    'drivers/sqlite/file',
    'drivers/sqlite/layout process drivers/sqlite/engine drivers/sqlite/format drivers/sqlite/locks drivers/sqlite/identity drivers/sqlite/bound',
  ],
  ['drivers/sqlite/history', 'drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/file drivers/kit store/**'],
  [
    'drivers/sqlite/read',
    'drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/format drivers/sqlite/locks drivers/sqlite/file drivers/sqlite/bound drivers/sqlite/history drivers/kit store/**',
  ],
  [
    'drivers/sqlite/watch',
    'drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/locks drivers/sqlite/file drivers/sqlite/history drivers/sqlite/read drivers/kit store/**',
  ],
  [
    'drivers/sqlite/write',
    'drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/locks drivers/sqlite/bound drivers/sqlite/file drivers/sqlite/history drivers/sqlite/read drivers/sqlite/watch drivers/kit store/** blocks',
  ],
  ['drivers/sqlite/long-load', 'drivers/sqlite/format drivers/sqlite/file drivers/sqlite/write store/** blocks'],
  [
    'drivers/sqlite/check',
    'drivers/sqlite/layout process drivers/sqlite/engine drivers/sqlite/bound drivers/sqlite/file drivers/sqlite/history drivers/sqlite/read store/** blocks',
  ],
  [
    'drivers/sqlite/export',
    'drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/file drivers/sqlite/read store/** blocks formats/csv',
  ],
  [
    'drivers/sqlite/care',
    `drivers/sqlite/layout process drivers/sqlite/engine drivers/sqlite/format drivers/sqlite/locks drivers/sqlite/identity drivers/sqlite/bound drivers/sqlite/file drivers/sqlite/read
    drivers/sqlite/history drivers/sqlite/watch drivers/sqlite/check drivers/location.ts store/** blocks`,
  ],
  [
    'drivers/sqlite/salvage',
    `drivers/sqlite/layout drivers/sqlite/engine drivers/sqlite/format drivers/sqlite/locks drivers/sqlite/bound drivers/sqlite/file drivers/sqlite/care
    store/** blocks`,
  ],
  ['drivers/sqlite', 'drivers/sqlite/** drivers/kit drivers/location.ts drivers/options.ts store/** blocks'],
  // The list of drivers: it imports each, lazily.
  ['drivers/index.ts', 'drivers/** store/**'],
  // The library.
  ['index.ts', 'drivers/index.ts drivers/options.ts store/** blocks'],
  ['adapters', 'index.ts'],
  ['server/http', 'process store/** blocks formats/** protocol fastify prom-client'],
  ['server/admission', 'server/** store/** protocol fastify'],
  ['server/body', 'server/** store/** blocks formats/** protocol fastify'],
  ['server/read-batcher.ts', 'store/**'],
  ['server/route-context.ts', 'server/** store/** protocol fastify'],
  ['server/docs', 'server/** blocks protocol fastify @fastify/swagger @fastify/swagger-ui'],
  ['server/routes', 'server/** store/** blocks formats/** protocol fastify'],
  ['server', 'server/** process store/** fastify'],
  ['bench/random', ''],
  ['bench/report', 'output formats/**'],
  ['bench/report/page', 'bench/report uplot'],
  ['bench/targets', 'drivers/location.ts store/**'],
  ['bench/peers', 'bench/targets'],
  ['bench/workloads', 'bench/random bench/targets'],
  ['bench/measure', 'bench/report bench/targets bench/workloads'],
  ['bench', 'bench/** drivers/location.ts store/**'],
  ['cli/line', 'store/** commander'],
  ['cli/topics', ''],
  [
    'cli',
    `cli/line cli/topics drivers/index.ts drivers/location.ts drivers/options.ts formats/index.ts output store/** terminal io.ts commander
    process @inquirer/prompts`,
  ],
  ['completion', 'cli/** formats/index.ts store/** commander'],
  ['completion/shells', 'completion cli/** store/** commander'],
  ['commands/get', 'cli/** output formats/** store/**'],
  ['commands/put', 'cli/** load store/**'],
  ['commands/rename', 'blocks store/**'],
  ['commands/watch', 'cli/** store/** child-process.ts'],
  ['commands/batch-put', 'cli/** output load/** formats/** blocks store/** commander'],
  [
    'commands',
    'commands/batch-put commands/get commands/put commands/rename commands/watch copy completion/** cli/** output load formats/** blocks store/** lock child-process.ts io.ts terminal bench/** commander',
  ],
  ['commands/serve.ts', 'server/** cli/** commander'],
  ['repl/language', ''],
  ['repl/streams', 'repl/language cli load io.ts child-process.ts'],
  [
    'repl/undo',
    'repl/language cli blocks store/** drivers/index.ts drivers/location.ts output io.ts chalk string-width',
  ],
  ['repl/completion', 'repl/language completion cli/** store/** terminal'],
  ['repl/prompt', 'repl/streams cli terminal io.ts'],
  [
    'repl/session',
    `repl/** cli/** drivers/index.ts drivers/location.ts store/** blocks formats/index.ts load output terminal process
    text-width.ts io.ts commander`,
  ],
  ['repl', 'text-width.ts repl/** completion cli drivers/location.ts output terminal io.ts'],
  // A session runs command lines, so it may know what the program knows.
  ['commands/repl.ts', 'repl commander', 'cli'],
  ['commands/index.ts', 'commands/** cli commander'],
  ['man.ts', 'commands/index.ts cli/** io.ts commander'],
  ['main.ts', 'commands/index.ts cli/** io.ts'],
]

const SRC = fileURLToPath(new URL('../src', import.meta.url))

const LAYERS: readonly Layer[] = LISTED.flatMap(([row, ...columns]) => {
  if (!row.endsWith('/*')) return [[row, ...columns] as const]
  const folders = readdirSync(join(SRC, row.slice(0, -2)), { withFileTypes: true }).filter((it) => it.isDirectory())
  return folders
    .map(({ name }) => row.replace('*', name))
    .filter((folder) => !LISTED.some(([other]) => other === folder))
    .map((folder) => [folder, ...columns] as const)
})

/** Rows that every other may import, so long as they stand above it. */
const EVERYWHERE = 'errors.ts async.ts shell-quote.ts process-id.ts bytes.ts duration.ts safe-text.ts code-folder.ts'

/** Imports against the order of {@link LAYERS} that still stand. To become empty: only take lines away. */
const AGAINST_THE_ORDER: readonly string[] = []

/** No file is longer, in lines, but these, which still are. To become empty: only take lines away. */
const MAX_LINES = 300
const LONG_FILES: readonly string[] = []

/** No folder has more files at one level; `commands` has one for each command. */
const MAX_FILES = 14

/** Files that may say certain words; nobody else may. */
const WORDS: readonly { word: RegExp; may: readonly string[] }[] = [
  { word: /\bprocess\.exit\b(?!Code)/, may: [] },
  { word: /\bprocess\.(stdout|stderr|exitCode)\b/, may: ['main.ts', 'io.ts'] },
  { word: /\bconsole\./, may: ['main.ts', 'io.ts'] },
  {
    word: /\bprocess\.env\b/,
    may: ['cli/options.ts', 'main.ts', 'io.ts', 'process/child-script.ts', 'drivers/sqlite/engine/addon.ts'],
  },
  { word: /\bfrom '(node:)?sqlite|['"]node:sqlite['"]|@photostructure\/sqlite/, may: ['drivers/sqlite/**'] },
]

/** Packages heavy enough that they must be imported lazily, so that `kv --help` loads none of them. */
const LAZY = ['@inquirer/prompts', 'cli-table3', 'fastify', 'zstddec']

interface Import {
  /** A path below `src`, or a package's name. */
  readonly to: string
  readonly kind: 'static' | 'type' | 'lazy'
}

interface Source {
  readonly code: string
  readonly lines: number
  readonly imports: readonly Import[]
}

const SOURCES: ReadonlyMap<string, Source> = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, read(file)]),
)

function read(file: string): Source {
  // Comments may say anything, and examples in them do.
  const text = readFileSync(join(SRC, file), 'utf8')
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const imports: Import[] = []
  const add = (specifier: string, kind: Import['kind']): void => {
    if (specifier.startsWith('node:')) return
    const to = specifier.startsWith('.')
      ? normalize(join(dirname(file), specifier)).replaceAll('\\', '/')
      : packageOf(specifier)
    imports.push({ to, kind })
  }
  for (const [, type, names, specifier] of code.matchAll(
    /^\s*(?:import|export)\s(type\s)?([^'"();=]*?)\bfrom\s+['"]([^'"]+)['"]/gm,
  )) {
    const onlyTypes = type !== undefined || /^\{(\s*type\s[^,}]+,?)+\s*\}\s*$/.test(names!)
    add(specifier!, onlyTypes ? 'type' : 'static')
  }
  for (const [, specifier] of code.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm)) add(specifier!, 'static')
  for (const [, specifier] of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) add(specifier!, 'lazy')
  for (const [, specifier] of code.matchAll(/\brequire\(\s*['"]([^'"]+)['"]\s*\)/g)) add(specifier!, 'lazy')
  return { code, lines: text.split('\n').length - 1, imports }
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function matches(pattern: string, path: string): boolean {
  const regex = pattern
    .replaceAll(/[.+]/g, String.raw`\$&`)
    .replaceAll(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]*'))
  return new RegExp(`^${regex}$`).test(path)
}

const anyMatches = (patterns: readonly string[], path: string): boolean =>
  patterns.some((pattern) => matches(pattern, path))

test('every source file was found and read', () => {
  expect([...SOURCES.keys()]).toEqual(
    expect.arrayContaining(['index.ts', 'store/store.ts', 'drivers/sqlite/driver.ts']),
  )
  expect(SOURCES.get('index.ts')!.imports).toContainEqual({ to: 'store/store.ts', kind: 'static' })
  expect(SOURCES.get('store/conditional.ts')!.imports).toContainEqual({ to: 'store/driver/entry.ts', kind: 'type' })
  expect(SOURCES.get('drivers/index.ts')!.imports).toContainEqual({ to: 'drivers/memory/driver.ts', kind: 'lazy' })
})

/** The row of {@link LAYERS} that holds for a file, or the file itself. */
function rowOf(file: string): string {
  return ROWS.has(file) ? file : SOURCES.has(file) && ROWS.has(dirname(file)) ? dirname(file) : file
}

const ROWS = new Set(LAYERS.map(([row]) => row))

const words = (list: string): string[] => list.split(/\s+/).filter((word) => word !== '')

describe('imports keep to the layers', () => {
  test('every file has a row, and every row a file', () => {
    const rows = new Set([...SOURCES.keys()].map(rowOf))
    expect([...rows].filter((row) => !ROWS.has(row))).toEqual([])
    expect([...ROWS].filter((row) => !rows.has(row))).toEqual([])
  })

  for (const [number, [row, may, types = '']] of LAYERS.entries()) {
    const above = LAYERS.slice(0, number).map(([name]) => name)
    /** Rows of a column that stand above, and packages. */
    const named = (column: string): string[] =>
      words(column).flatMap((name) =>
        name.endsWith('/**')
          ? above.filter((other) => `${other}/`.startsWith(name.slice(0, -2)))
          : above.includes(name) || !ROWS.has(name)
            ? [name]
            : [],
      )

    test(`${row} imports only ${words(may).join(', ') || 'what is small and common'}`, () => {
      const allowed = new Set([row, ...named(may), ...named(EVERYWHERE)])
      const asTypes = new Set(named(types))
      const wrong: string[] = []
      for (const [file, { imports }] of SOURCES) {
        if (rowOf(file) !== row) continue
        for (const { to, kind } of imports) {
          const other = rowOf(to)
          if (allowed.has(other) || (kind === 'type' && asTypes.has(other))) continue
          if (!to.endsWith('?raw') && !AGAINST_THE_ORDER.includes(`${row} -> ${other}`))
            wrong.push(`${file} imports ${to} (${kind})`)
        }
      }
      expect(wrong).toEqual([])
    })
  }

  test('no command imports a driver', () => {
    const wrong = [...SOURCES].filter(
      ([file, { imports }]) => file.startsWith('commands/') && imports.some(({ to }) => to.startsWith('drivers/')),
    )
    expect(wrong.map(([file]) => file)).toEqual([])
  })

  test('drivers are imported lazily', () => {
    const wrong: string[] = []
    for (const [file, { imports }] of SOURCES) {
      if (dirname(file).startsWith('drivers/')) continue
      for (const { to, kind } of imports) {
        if (kind === 'static' && /^drivers\/(?!index\.ts|options\.ts|location\.ts|kit\/)/.test(to))
          wrong.push(`${file} imports ${to}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test.for(LAZY)('%s is imported lazily', (name) => {
    // A file that imports it statically must itself only be imported lazily.
    const direct = [...SOURCES]
      .filter(([, { imports }]) => imports.some(({ to, kind }) => to === name && kind === 'static'))
      .map(([file]) => file)
    const wrong: string[] = []
    for (const [file, { imports }] of SOURCES) {
      for (const { to, kind } of imports)
        if (kind === 'static' && direct.includes(to)) wrong.push(`${file} imports ${to} imports ${name}`)
    }
    expect(wrong).toEqual([])
  })
})

describe('words', () => {
  for (const { word, may } of WORDS) {
    test(`${word.source} stands only in ${may.length === 0 ? 'no file' : may.join(', ')}`, () => {
      const wrong: string[] = []
      for (const [file, { code }] of SOURCES) {
        if (anyMatches(may, file)) continue
        for (const [number, line] of code.split('\n').entries())
          if (word.test(line)) wrong.push(`${file}:${number + 1}: ${line.trim()}`)
      }
      expect(wrong).toEqual([])
    })
  }
})

test('no file imports itself in a circle, types and lazy imports counted', () => {
  const found = circles([...SOURCES.keys()], (file) =>
    SOURCES.get(file)!.imports.flatMap(({ to }) => (SOURCES.has(to) ? [to] : [])),
  )
  expect(found).toEqual([])
})

/** Every largest set of nodes that reach one another (Tarjan). */
function circles(nodes: readonly string[], next: (node: string) => readonly string[]): string[][] {
  const found: string[][] = []
  const order = new Map<string, number>()
  const open: string[] = []
  const visit = (node: string): number => {
    const own = order.size
    let lowest = own
    order.set(node, own)
    open.push(node)
    for (const other of next(node)) {
      if (!order.has(other)) lowest = Math.min(lowest, visit(other))
      else if (open.includes(other)) lowest = Math.min(lowest, order.get(other)!)
    }
    if (lowest === own) {
      const circle = open.splice(open.indexOf(node))
      if (circle.length > 1) found.push(circle)
    }
    return lowest
  }
  for (const node of nodes) if (!order.has(node)) visit(node)
  return found
}

describe('sizes', () => {
  test(`no file is longer than ${MAX_LINES} lines`, () => {
    const long = [...SOURCES].filter(([, { lines }]) => lines > MAX_LINES).map(([file]) => file)
    expect(long.filter((file) => !LONG_FILES.includes(file))).toEqual([])
  })

  test(`no folder has more than ${MAX_FILES} files`, () => {
    const files = new Map<string, number>()
    for (const file of SOURCES.keys()) files.set(dirname(file), (files.get(dirname(file)) ?? 0) + 1)
    const full = [...files].filter(([folder, count]) => count > MAX_FILES && folder !== 'commands')
    expect(full).toEqual([])
  })
})
