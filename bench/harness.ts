/** What every benchmark needs: a folder, options, processes and cases that take turns. */
import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../src/bench/report/numbers.ts'
import type * as Library from '../src/index.ts'

/** The checkout; the scripts run from `dist/bench`. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The `kv` of this checkout. */
export const KV = join(ROOT, 'bin/kv.cjs')

/** The library as it was built, which is what users run. */
export const library = (await import(new URL('../index.js', import.meta.url).href)) as typeof Library

/** A program beside a benchmark, by its name in this folder. */
export const script = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url))

/** The environment of measured processes: variables such as NODE_EXTRA_CA_CERTS cost Node 20 ms at the start. */
export const environment = (home: string): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: home })

/** The command line of a benchmark. */
export interface Options {
  readonly rounds: number
  readonly records: number
  readonly memory: string | undefined
  readonly input: string | undefined
  /** Whether the table is written to BENCHMARKS.md. */
  readonly write: boolean
}

/**
 * Runs a benchmark in a temporary folder that is gone afterwards, also after Ctrl-C. The command line may say
 * `--rounds N`, `--records N`, `--memory SIZE`, `--input FILE` and `--write`.
 */
export async function bench(
  defaults: { rounds?: number; records?: number },
  body: (folder: string, options: Options) => Promise<void>,
): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { rounds: text, records: text, memory: text, input: text, write: { type: 'boolean', default: false } },
  })
  const { memory, input, write } = values
  const folder = mkdtempSync(join(tmpdir(), 'kv-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('SIGINT', () => {
    remove()
    process.exit(130)
  })
  try {
    const rounds = Number(values.rounds ?? defaults.rounds)
    await body(folder, { rounds, records: Number(values.records ?? defaults.records), memory, input, write })
  } finally {
    remove()
  }
}

/** Whether a program is installed. */
export function installed(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Milliseconds that a process takes, from its start to its end. Its output is thrown away; throws when it fails.
 * @param input the file that it reads as standard input
 */
export function processMs(folder: string, command: string, args: readonly string[], input?: string): number {
  const stdin = input === undefined ? 'ignore' : openSync(input, 'r')
  try {
    const began = performance.now()
    const { status, error, stderr } = spawnSync(command, args, {
      stdio: [stdin, 'ignore', 'pipe'],
      env: environment(folder),
    })
    const took = performance.now() - began
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
    return took
  } finally {
    if (stdin !== 'ignore') closeSync(stdin)
  }
}

/** {@link processMs} of a kv command. */
export const kvMs = (folder: string, ...args: string[]): number => processMs(folder, process.execPath, [KV, ...args])

/** Peak resident memory of a shell command in bytes, or `undefined` without GNU time. `$TIME` in it stands before what is measured. */
export function peakMemory(folder: string, command: string): number | undefined {
  if (!installed('time')) return undefined
  const report = join(folder, 'peak')
  processMs(folder, 'sh', ['-c', command.replace('$TIME', `$(command -v time) -f %M -o '${report}'`)])
  return Number(readFileSync(report, 'utf8')) * 1024
}

/** Puts on disk what earlier steps left to write, so that it does not slow the next one. */
export function settle(): void {
  spawnSync('sync')
}

/** A case that takes turns with others. */
export interface Case {
  /** Not measured. */
  readonly prepare?: () => unknown
  /** Returns its figure, or nothing to measure the milliseconds it takes. */
  readonly run: () => number | void | Promise<number | void>
}

/** The median of each case; `undefined` for one that was left out. */
export type Medians<Cases> = { [Name in keyof Cases]: undefined extends Cases[Name] ? number | undefined : number }

/**
 * Runs every case once a round, in turn, so that whatever else the machine does falls on all of them alike. A case
 * that is `undefined` is left out.
 */
export async function inTurn<Cases extends Record<string, Case | undefined>>(
  cases: Cases,
  rounds: number,
): Promise<Medians<Cases>> {
  const figures = new Map<string, number[]>()
  const progress = (text: string): unknown => process.stderr.isTTY && process.stderr.write(`\r\u001b[K${text}`)
  for (let round = 0; round < rounds; round++) {
    for (const [name, one] of Object.entries(cases)) {
      if (one === undefined) continue
      await one.prepare?.()
      const began = performance.now()
      const figure = (await one.run()) ?? performance.now() - began
      figures.set(name, [...(figures.get(name) ?? []), figure])
      progress(`${name}: round ${round + 1} of ${rounds}`)
    }
  }
  progress('')
  return Object.fromEntries([...figures].map(([name, list]) => [name, median(list)])) as Medians<Cases>
}
