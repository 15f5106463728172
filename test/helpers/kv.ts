import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type PutOptions, openStore } from '../../src/index.ts'
import { runInProcess } from './in-process.ts'
import { tempDir } from './temp-dir.ts'

/** The program of the package. */
export const BIN = fileURLToPath(new URL('../../bin/kv.cjs', import.meta.url))

if (!existsSync(join(dirname(BIN), '../dist/cli/main.cjs'))) throw new Error('dist is missing: run npm run build first')

/** Another program to test, the executable of `npm run build:native`. */
const OTHER = process.env['KV_BIN']

/** Whether that is what is tested. */
export const IS_NATIVE = OTHER !== undefined

/** What starts the program under test: a file, and its first arguments. */
export const KV: readonly [file: string, ...args: string[]] =
  OTHER === undefined ? [process.execPath, BIN] : [resolve(OTHER)]

if (!existsSync(KV.at(-1)!)) throw new Error(`${KV.at(-1)} is missing`)

/** What a run of kv is given besides its arguments. */
export interface RunOptions {
  /** What stands on standard input; by default it is an empty pipe. */
  input?: string | Uint8Array
  /** Variables besides PATH and HOME. */
  env?: Readonly<Record<string, string>>
  cwd?: string
  /** Written as `--store` before the arguments. */
  store?: string
}

/** How a run ended and what it wrote. */
export interface Run {
  readonly stdout: Buffer
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * PATH (this very Node first), HOME (an empty folder of the test's own), TMPDIR and what is asked for: nothing else is
 * inherited.
 */
export function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    HOME: extra['HOME'] ?? tempDir(),
    TMPDIR: tmpdir(),
    ...extra,
  }
}

/** Starts kv and leaves it running; it is killed when the test is over. */
export function startKv(args: readonly string[], { env, cwd, store }: Omit<RunOptions, 'input'> = {}): ChildProcess {
  const [file, ...first] = KV
  return start(file, [...first, ...(store === undefined ? [] : ['--store', store]), ...args], env, cwd)
}

/** Starts a script of Node and leaves it running; it is killed when the test is over. */
export function startNode(args: readonly string[], { env, cwd }: Pick<RunOptions, 'env' | 'cwd'> = {}): ChildProcess {
  return start(process.execPath, args, env, cwd)
}

/**
 * Whether {@link kv} starts a process for every run, as a shell does. Without it the built program runs in this
 * process, which is much quicker; `.ci/run` does both.
 */
const IN_PROCESSES = process.env['KV_TEST_THROUGH'] === 'process' || OTHER !== undefined

/** Runs kv to its end. */
export function kv(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  if (IN_PROCESSES) return kvProcess(args, options)
  const { input = '', env, cwd = tempDir(), store } = options
  return runInProcess(store === undefined ? args : ['--store', store, ...args], input, environment(env), cwd)
}

/** Runs kv to its end in a process of its own: for what is about processes, and beside a store that the test has open. */
export function kvProcess(args: readonly string[], { input, ...options }: RunOptions = {}): Promise<Run> {
  const child = startKv(args, options)
  child.stdin!.end(input)
  return ended(child)
}

/** Runs a shell script to its end; `kv` is the program under test. */
export function shell(script: string, { input, env, cwd, store }: RunOptions = {}): Promise<Run> {
  const child = start('sh', ['-c', shellScript(script)], store === undefined ? env : { ...env, KV_STORE: store }, cwd)
  child.stdin!.end(input)
  return ended(child)
}

/** A script for `sh` in which `kv` is the program under test. */
export function shellScript(script: string): string {
  return `kv() { ${KV.map((word) => `'${word}'`).join(' ')} "$@"; }\n${script}`
}

/** Collects what a process writes, until it ends. */
export function ended(child: ChildProcess): Promise<Run> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', (data: Buffer) => out.push(data))
  child.stderr?.on('data', (data: Buffer) => err.push(data))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString(), code, signal }),
    )
  })
}

function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> | undefined,
  cwd: string | undefined,
): ChildProcess {
  const child = spawn(file, args, { env: environment(env), cwd: cwd ?? tempDir(), stdio: 'pipe' })
  // A program that ends without reading its input is not this process's failure.
  child.stdin!.on('error', () => {})
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

/** An entry to fill a store with: key, value and perhaps more. */
export type Given = readonly [key: string | Uint8Array, value: string | Uint8Array, options?: PutOptions]

/** More entries than this are put in one batch, and have one revision. */
const MANY = 1000

/** A new store file with these entries, or the path of one that does not exist yet. */
export async function givenStore(entries: readonly Given[] = []): Promise<string> {
  const path = join(tempDir(), 'test.kv')
  if (entries.length > 0) {
    await using store = await openStore(path, { durable: false })
    if (entries.length > MANY)
      await store.batch(entries.map(([key, value, more]) => ({ type: 'put', key, value, ...more })))
    else for (const [key, value, options] of entries) await store.put(key, value, options)
  }
  return path
}

/** Key and value of every entry of a store, as text. */
export async function contents(path: string): Promise<[string, string][]> {
  await using store = await openStore(path)
  const all: [string, string][] = []
  for await (const { key, value } of store.range())
    all.push([Buffer.from(key).toString(), Buffer.from(value).toString()])
  return all
}

/** What a run is expected to write and to end with; what is left out must be empty or 0. */
export interface Expected {
  stdout?: string | Uint8Array | RegExp
  stderr?: string | RegExp
  code?: number
}

/** Fails unless a run ended exactly so. */
export function expectRun({ stdout, stderr, code, signal }: Run, expected: Expected): void {
  const { stdout: out = '', stderr: err = '', code: exit = 0 } = expected
  // All at once, so that a failure shows everything.
  expect({ stdout: printable(stdout), stderr, code, signal }).toEqual({
    stdout: out instanceof RegExp ? expect.stringMatching(out) : printable(Buffer.from(out as string)),
    stderr: typeof err === 'string' ? err : expect.stringMatching(err),
    code: exit,
    signal: null,
  })
}

function printable(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : `latin1:${bytes.toString('latin1')}`
}

/** The text of an error on stderr. */
export function errorText(message: string, code: string, hint?: string): string {
  return `kv: ${message} (${code})\n${hint === undefined ? '' : `hint: ${hint}\n`}`
}

/** One row of a table of runs. */
export interface Case extends Expected {
  /** What it shows, a sentence. */
  name: string
  args: readonly string[]
  /** What the store holds before. */
  given?: readonly Given[]
  input?: string | Uint8Array
  env?: Readonly<Record<string, string>>
  /** What the store holds afterwards, where that is of interest. */
  leaves?: readonly (readonly [string, string])[]
}

/** A test for each row of a table, each with a store of its own; `run` is {@link kv} or {@link kvProcess}. */
export function testCases(cases: readonly Case[], run: typeof kv = kv): void {
  for (const row of cases) test(row.name, () => runCase(row, run))
}

async function runCase({ args, given = [], input, env, leaves, ...expected }: Case, run: typeof kv): Promise<void> {
  const store = await givenStore(given)
  const options: RunOptions = { store }
  if (input !== undefined) options.input = input
  if (env !== undefined) options.env = env
  expectRun(await run(args, options), expected)
  if (leaves !== undefined) expect(await contents(store)).toEqual(leaves)
}
