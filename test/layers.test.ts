import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/**
 * Who may import whom. The first row whose `files` match a file holds for it; paths are below
 * `src`, `*` stands for anything within a folder, `**` for any files below. `node:` modules
 * and the file's own folder are always allowed. `types` may be imported with `import type` only.
 */
const RULES: readonly { files: string; may: readonly string[]; types?: readonly string[] }[] = [
  { files: 'errors.ts', may: [] },
  { files: 'async.ts', may: [] },
  { files: 'shell-quote.ts', may: [] },
  { files: 'bytes.ts', may: ['errors.ts'] },
  { files: 'duration.ts', may: ['errors.ts'] },
  { files: 'io.ts', may: ['errors.ts', 'async.ts'] },
  { files: 'safe-text.ts', may: ['bytes.ts'] },
  { files: 'text-width.ts', may: ['string-width'] },
  // The library.
  { files: 'index.ts', may: ['drivers/index.ts', 'drivers/options.ts', 'store/**', 'blocks/**', 'errors.ts'] },
  { files: 'main.ts', may: ['cli/**', 'errors.ts', 'io.ts'] },
  { files: 'store/**', may: ['errors.ts', 'bytes.ts', 'blocks/**', 'drivers/kit/**'] },
  { files: 'blocks/**', may: ['errors.ts', 'bytes.ts', 'store/expiry.ts'], types: ['store/entry.ts'] },
  {
    files: 'formats/**',
    may: ['errors.ts', 'bytes.ts', 'duration.ts', 'safe-text.ts', 'store/**', 'blocks/**', 'formats/**'],
    types: ['io.ts'],
  },
  {
    files: 'load/**',
    may: ['errors.ts', 'bytes.ts', 'io.ts', 'shell-quote.ts', 'store/**', 'blocks/**', 'formats/**', 'load/**'],
  },
  {
    files: 'protocol/**',
    may: ['errors.ts', 'bytes.ts', 'async.ts', 'formats/**', 'output/**', 'drivers/kit/**'],
    types: ['store/**'],
  },
  // The only list of drivers: it imports each, lazily (see below).
  { files: 'drivers/index.ts', may: ['store/**', 'errors.ts', 'shell-quote.ts', 'drivers/**'] },
  { files: 'drivers/location.ts', may: ['errors.ts', 'shell-quote.ts'] },
  { files: 'drivers/options.ts', may: ['store/**', 'errors.ts'] },
  { files: 'drivers/kit/**', may: ['store/**', 'errors.ts', 'bytes.ts'] },
  { files: 'drivers/memory/**', may: ['errors.ts', 'bytes.ts', 'async.ts', 'store/**', 'blocks/**', 'drivers/kit/**'] },
  {
    files: 'drivers/http/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'async.ts',
      'store/**',
      'blocks/**',
      'drivers/*',
      'drivers/kit/**',
      'protocol/**',
      'formats/**',
    ],
  },
  {
    files: 'drivers/sqlite/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'async.ts',
      'shell-quote.ts',
      'store/**',
      'blocks/**',
      'drivers/*',
      'drivers/kit/**',
      'drivers/sqlite/**',
      '@photostructure/sqlite',
    ],
  },
  {
    files: 'output/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'safe-text.ts',
      'text-width.ts',
      'formats/**',
      'chalk',
      'cli-table3',
      'string-width',
    ],
    types: ['store/**', 'io.ts', 'cli/options.ts'],
  },
  { files: 'terminal/**', may: ['errors.ts', 'io.ts', 'safe-text.ts', 'output/**', 'text-width.ts', 'string-width'] },
  {
    files: 'server/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'async.ts',
      'duration.ts',
      'safe-text.ts',
      'store/**',
      'blocks/**',
      'formats/**',
      'protocol/**',
      'output/**',
      'server/**',
      'fastify',
      '@fastify/swagger',
      '@fastify/swagger-ui',
      'prom-client',
    ],
  },
  {
    files: 'bench/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'safe-text.ts',
      'shell-quote.ts',
      'bench/**',
      'drivers/location.ts',
      'store/**',
      'output/**',
      'formats/csv/**',
      'uplot',
    ],
  },
  {
    files: 'cli/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'duration.ts',
      'io.ts',
      'safe-text.ts',
      'shell-quote.ts',
      'cli/**',
      'commands/index.ts',
      'drivers/*',
      'output/**',
      'store/**',
      'terminal/**',
      'commander',
      '@inquirer/prompts',
    ],
  },
  {
    files: 'repl/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'async.ts',
      'duration.ts',
      'io.ts',
      'safe-text.ts',
      'text-width.ts',
      'shell-quote.ts',
      'repl/**',
      'cli/**',
      'commands/index.ts',
      'drivers/index.ts',
      'drivers/location.ts',
      'blocks/**',
      'store/**',
      'output/**',
      'load/input-file.ts',
      'terminal/**',
      'chalk',
      'commander',
      'string-width',
    ],
  },
  // A session runs command lines, so it may know what the program knows.
  { files: 'commands/repl.ts', may: ['repl/index.ts', 'commander'], types: ['cli/context.ts'] },
  { files: 'commands/serve.ts', may: ['server/**', 'cli/**', 'errors.ts', 'commander'] },
  {
    files: 'commands/**',
    may: [
      'errors.ts',
      'bytes.ts',
      'duration.ts',
      'safe-text.ts',
      'shell-quote.ts',
      'cli/**',
      'output/**',
      'load/**',
      'formats/**',
      'blocks/**',
      'bench/**',
      'store/**',
      'terminal/**',
      'commander',
    ],
  },
]

/** Files that may say certain words; nobody else may. */
const WORDS: readonly { word: RegExp; may: readonly string[] }[] = [
  { word: /\bprocess\.exit\b(?!Code)/, may: [] },
  { word: /\bprocess\.(stdout|stderr|exitCode)\b/, may: ['main.ts', 'io.ts'] },
  { word: /\bconsole\./, may: ['main.ts', 'io.ts'] },
  { word: /\bprocess\.env\b/, may: ['cli/options.ts', 'main.ts', 'io.ts'] },
  { word: /\bfrom '(node:)?sqlite|['"]node:sqlite['"]|@photostructure\/sqlite/, may: ['drivers/sqlite/**'] },
]

/** Packages heavy enough that they must be imported lazily, so that `kv --help` loads none of them. */
const LAZY = ['@inquirer/prompts', 'cli-table3', 'fastify', '@photostructure/sqlite']

const SRC = fileURLToPath(new URL('../src', import.meta.url))

interface Import {
  /** A path below `src`, or a package's name. */
  readonly to: string
  readonly kind: 'static' | 'type' | 'lazy'
}

interface Source {
  readonly code: string
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
  const code = readFileSync(join(SRC, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
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
  return { code, imports }
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
  expect(SOURCES.get('drivers/kit/condition.ts')!.imports).toContainEqual({ to: 'store/entry.ts', kind: 'type' })
  expect(SOURCES.get('drivers/index.ts')!.imports).toContainEqual({ to: 'drivers/memory/driver.ts', kind: 'lazy' })
})

describe('imports keep to the layers', () => {
  for (const { files, may, types = [] } of RULES) {
    test(`${files} imports only ${[...may, ...types.map((type) => `types of ${type}`), 'its own folder'].join(', ')}`, () => {
      const wrong: string[] = []
      for (const [file, { imports }] of SOURCES) {
        if (RULES.find((rule) => matches(rule.files, file))?.files !== files) continue
        for (const { to, kind } of imports) {
          const own = dirname(file) !== '.' && dirname(file) !== 'drivers' && to.startsWith(`${dirname(file)}/`)
          if (own || anyMatches(may, to) || (kind === 'type' && anyMatches(types, to))) continue
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

test('no file imports itself in a circle', () => {
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' -> '))
    if (way.includes(file) || done.has(file)) return
    for (const { to, kind } of SOURCES.get(file)?.imports ?? []) if (kind === 'static') visit(to, [...way, file])
    done.add(file)
  }
  for (const file of SOURCES.keys()) visit(file, [])
  expect(circles).toEqual([])
})
