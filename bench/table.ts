/** What a benchmark prints: a Markdown table with its targets, and the machine it was measured on. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatNs } from '../src/bench/report/numbers.ts'
import { fileSystemOf, machineFacts } from '../src/bench/report/machine.ts'
import { formatBytes } from '../src/safe-text.ts'
import { ROOT } from './harness.ts'

const FILE = join(ROOT, 'BENCHMARKS.md')

/** A time for people, from milliseconds. */
export const time = (ms: number): string => formatNs(ms * 1e6)

interface Comparison {
  readonly what: string
  readonly ours: number
  /** `undefined`: the peer is not installed. */
  readonly theirs: number | undefined
  readonly peer: string
  readonly show?: (figure: number) => string
  /** Target of the ratio; without either the row is for information. */
  readonly atMost?: number
  readonly atLeast?: number
  /** Whether the ratio is `theirs / ours`: how many times faster, and not `ours / theirs`. */
  readonly inverse?: boolean
}

/** A row that compares two figures. */
export function row({ what, ours, theirs, peer, show = time, atMost, atLeast, inverse = false }: Comparison): string[] {
  if (theirs === undefined) return [what, show(ours), `${peer}: absent`, '', '', '']
  const ratio = inverse ? theirs / ours : ours / theirs
  const verdict = (reached: boolean): string => (reached ? 'pass' : '**lost**')
  const target =
    atMost !== undefined
      ? [`<= ${atMost}`, verdict(ratio <= atMost)]
      : atLeast !== undefined
        ? [`>= ${atLeast}`, verdict(ratio >= atLeast)]
        : ['', '']
  return [what, show(ours), `${peer}: ${show(theirs)}`, ratio.toFixed(ratio >= 100 ? 0 : 2), ...target]
}

/** A row that compares a figure with a limit. */
export function limitRow(
  what: string,
  value: number | undefined,
  below: number,
  show: (figure: number) => string,
): string[] {
  if (value === undefined) return [what, 'not measured: GNU time is absent', '', '', `< ${show(below)}`, '']
  return [what, show(value), '', '', `< ${show(below)}`, value < below ? 'pass' : '**lost**']
}

/** Bytes for people; `''` where they are not known. */
export const bytes = (size: number | undefined): string => (size === undefined ? '' : formatBytes(size))

interface Table {
  /** Of the script, behind `bench:`. */
  readonly name: string
  readonly about: string
  readonly head?: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes?: readonly string[]
  /** Where it was measured. */
  readonly folder: string
  readonly write: boolean
}

/** Prints a table; with `write`, also puts it in BENCHMARKS.md, in the place of the one that was there. */
export async function report({ name, about, head, rows, notes = [], folder, write }: Table): Promise<void> {
  const columns = head ?? ['what', 'kv', 'peer', 'ratio', 'target', '']
  const rule = columns.map((column, n) => (n === 0 || column === '' ? '---' : '---:'))
  const lines = [
    `## bench:${name}`,
    '',
    about,
    '',
    ...[columns, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...notes.map((note) => `- ${note}`),
    `- ${await machine(folder)}`,
    '',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  if (write) writeSection(`## bench:${name}\n`, lines.join('\n'))
}

/** Replaces a section of BENCHMARKS.md, or adds it behind the others of its kind. */
function writeSection(title: string, text: string): void {
  const sections = (existsSync(FILE) ? readFileSync(FILE, 'utf8') : '').split(/^(?=## )/m)
  const at = sections.findIndex((section) => section.startsWith(title))
  if (at !== -1) sections[at] = `${text}\n`
  else sections.splice(sections.findLastIndex((section) => section.startsWith('## bench:')) + 1, 0, `${text}\n`)
  writeFileSync(FILE, `${sections.join('').trimEnd()}\n`)
}

/** One line on the machine, its software and how busy it is. */
async function machine(folder: string): Promise<string> {
  const { Connection, name } = await engine()
  const connection = new Connection(':memory:')
  const [version] = Object.values(connection.prepare('select sqlite_version()').get() ?? {})
  connection.close()
  const { cpu, cores, memory_bytes, platform, node, load_average } = machineFacts(fileSystemOf(folder), null)
  return [
    `${cpu}, ${cores} cores, ${formatBytes(memory_bytes)} of memory, ${fileSystemOf(folder) ?? 'unknown file system'}`,
    platform,
    `Node ${node.slice(1)}`,
    `SQLite ${String(version)} (${name})`,
    `load average ${load_average.toFixed(1)} at the end`,
  ].join('; ')
}

/** The SQLite that kv uses on this Node, for calling it directly. */
export async function engine(): Promise<{
  name: string
  Connection: typeof import('@photostructure/sqlite').DatabaseSync
}> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const name = major > 22 || (major === 22 && minor >= 13) ? 'node:sqlite' : '@photostructure/sqlite'
  const { DatabaseSync } = (await import(name)) as typeof import('@photostructure/sqlite')
  return { name, Connection: DatabaseSync }
}
