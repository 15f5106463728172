import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasEtcd, ownCluster } from '../helpers/etcd.ts'
import { printedBy } from '../helpers/examples.ts'
import { ended, startNode } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Program {
  /** The heading above it, and its number where that has several. */
  readonly name: string
  readonly source: string
}

const TEXT = readFileSync(join(ROOT, 'docs/library.md'), 'utf8')

/** The programs of the document, in its order. */
const PROGRAMS = [...TEXT.matchAll(/^## (.*)\n((?:(?!## ).*\n)*)/gm)].flatMap(([, heading, section]) =>
  [...section!.matchAll(/```ts\n([^]*?)```/g)].map(([, source], at): Program => ({
    name: at === 0 ? heading! : `${heading} ${at + 1}`,
    source: source!,
  })),
)

/** What the document says that its programs are compiled with. */
const [, OPTIONS] = /```json\n([^]*?)```/.exec(TEXT)!

describe('the programs of docs/library.md', () => {
  const home = mkdtempSync(join(tmpdir(), 'kv-docs-'))
  afterAll(() => rmSync(home, { recursive: true }))

  beforeAll(() => {
    // As if installed: this checkout, and what examples use beside it.
    mkdirSync(join(home, 'node_modules'))
    symlinkSync(ROOT, join(home, 'node_modules/kvfile'))
    for (const name of ['keyv', 'unstorage', '@types'])
      symlinkSync(join(ROOT, 'node_modules', name), join(home, 'node_modules', name))
    writeFileSync(join(home, 'package.json'), '{"type":"module"}')
    // The types of unstorage name packages that are not here.
    const compilerOptions = { ...(JSON.parse(OPTIONS!) as object), skipLibCheck: true }
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
    for (const program of PROGRAMS) writeFileSync(join(home, `${fileOf(program)}.ts`), program.source)
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', home], { encoding: 'utf8' })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })

  /** Runs one in a folder of its own. */
  async function printed(program: Program, env: Record<string, string> = {}): Promise<string[]> {
    const child = startNode([join(home, `${fileOf(program)}.js`)], { cwd: tempDir(), env })
    child.stdin!.end()
    const { code, stdout, stderr } = await ended(child)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout.toString().trimEnd().split('\n')
  }

  test.for(PROGRAMS)('$name: it prints what it says', async (program) => {
    const lines = printedBy(program.source)
    expect(lines).not.toEqual([])
    expect(await printed(program)).toEqual(lines)
  })

  const elsewhere = PROGRAMS.find(({ name }) => name === 'Servers and clusters')!

  test('the one for servers does the same on a server', async () => {
    const { url } = await served()
    expect(await printed(elsewhere, { APP_STORE: url })).toEqual(printedBy(elsewhere.source))
  })

  test.skipIf(!hasEtcd())('the one for clusters does the same on a cluster', async () => {
    const cluster = await ownCluster()
    expect(await printed(elsewhere, { APP_STORE: cluster.place() })).toEqual(printedBy(elsewhere.source))
  })
})

test('its links lead to its headings', () => {
  const headings = [...TEXT.matchAll(/^## (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
  const links = [...TEXT.matchAll(/\]\(#([^)]*)\)/g)].map(([, link]) => link!)
  expect(links.filter((link) => !headings.includes(link))).toEqual([])
})

function fileOf({ name }: Program): string {
  return name.toLowerCase().replace(/\W+/g, '-')
}
