import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TestContext, beforeAll, expect, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const KV = join(ROOT, 'dist/native/kv')

/** Why the executable cannot be built or tried here. */
let missing: string | undefined

beforeAll(() => {
  if (process.platform !== 'linux') missing = 'no chroot here'
  else {
    const build = spawnSync(process.execPath, ['scripts/build-native.mjs'], { cwd: ROOT, encoding: 'utf8' })
    if (build.status !== 0) missing = build.stderr
    else if (inRoot('/', 'true', []).status !== 0) missing = 'a file system of its own needs unshare, mount and chroot'
  }
})

function need({ skip }: TestContext): void {
  if (missing === undefined) return
  if (process.env['CI']) throw new Error(missing)
  console.warn(`the executable without Node is not tested: ${missing}`)
  skip(missing)
}

/** Runs a program with `root` as the file system, `/proc` besides, and nothing of the environment. */
function inRoot(
  root: string,
  program: string,
  args: readonly string[],
  input = '',
): { status: number | null; stdout: string } {
  const mounted = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"'
  const { status, stdout, stderr } = spawnSync('unshare', ['-r', '-m', 'sh', '-c', mounted, root, program, ...args], {
    input,
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    maxBuffer: 1 << 26,
  })
  return { status, stdout: status === 0 ? stdout : stdout + stderr }
}

/** A file system with the executable, the libraries that it names, and no more. */
function emptyRoot(): string {
  const root = tempDir()
  for (const folder of ['proc', 'dev', 'data']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'dev/null'), '')
  copyFileSync(KV, join(root, 'kv'))
  for (const [library] of execFileSync('ldd', [KV], { encoding: 'utf8' }).matchAll(/\/\S+\.so\S*/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    copyFileSync(library, join(root, library))
  }
  return root
}

test('one executable runs where there is no Node: threads, the check in a process of its own, a session', (context) => {
  need(context)
  const root = emptyRoot()
  const kv = (args: readonly string[], input?: string): string => {
    const { status, stdout } = inRoot(root, '/kv', [...args, '--store', '/data/s.kv'], input)
    expect({ args, status, stdout: status === 0 ? '' : stdout }).toEqual({ args, status: 0, stdout: '' })
    return stdout
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  expect(kv(['--version'])).toMatch(
    new RegExp(`^${version.replaceAll('.', '\\.')} \\(Bun [\\d.]+, SQLite [\\d.]+\\)\\n$`),
  )
  kv(['put', 'a', '1'])
  expect(kv(['get', 'a'])).toBe('1')
  const lines = Array.from(
    { length: 40_000 },
    (_, at) => `{"key":"k${at + 10_000}","value":"${'v'.repeat(40)}"}\n`,
  ).join('')
  kv(['batch-put'], lines)
  expect(kv(['range', '--prefix', 'k'])).toBe(lines)
  expect(JSON.parse(kv(['check', '--json']))).toMatchObject({ checked: 40_001 })
  expect(kv(['repl'], 'put b 2\ncount\nget b\n')).toBe('40002\n2')
})
