/** What a benchmark prints: a Markdown table with its targets, and the machine it was measured on. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const FILE = fileURLToPath(new URL('../BENCHMARKS.md', import.meta.url))

const INTRODUCTION = `# Benchmarks

Each table is printed by the script named above it, which measures kv beside its peer or floor in the same run, in turn, and
gives medians. Run one yourself after \`npm run build\`; \`npm run bench:load -- --write\` puts its table here.
Ratios below 1 favour kv unless the row says otherwise.
`

/** Time for people: 3 digits that mean something. */
export function time(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(2)} s`
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`
  if (seconds >= 1e-6) return `${(seconds * 1e6).toPrecision(3)} us`
  return `${(seconds * 1e9).toPrecision(3)} ns`
}

/** Bytes for people, in megabytes of 10^6. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

/**
 * A row that compares two figures. `atMost` or `atLeast`: the target for `ours / theirs` (or, with
 * `inverse`, `theirs / ours`: how many times quicker); without either the row is for information.
 */
export function row({ what, ours, theirs, show = time, peer, atMost, atLeast, inverse = false }) {
  if (theirs === undefined) return [what, show(ours), `${peer}: absent`, '', '', '']
  const ratio = inverse ? theirs / ours : ours / theirs
  const reached = atMost !== undefined ? ratio <= atMost : atLeast === undefined || ratio >= atLeast
  const target = atMost !== undefined ? `<= ${atMost}` : atLeast !== undefined ? `>= ${atLeast}` : ''
  return [
    what,
    show(ours),
    `${peer}: ${show(theirs)}`,
    ratio.toFixed(ratio >= 100 ? 0 : 2),
    target,
    target === '' ? '' : reached ? 'pass' : '**lost**',
  ]
}

/** A row that compares a figure with a limit of its own. */
export function limitRow({ what, value, show, below }) {
  if (value === undefined) return [what, 'not measured: GNU time is absent', '', '', `< ${show(below)}`, '']
  return [what, show(value), '', '', `< ${show(below)}`, value < below ? 'pass' : '**lost**']
}

/** The columns of a table that compares. */
const COMPARISON = ['what', 'kv', 'peer', 'ratio', 'target', '']

/** Prints the table; with `write`, also puts it in BENCHMARKS.md, in the place of the one that was there. */
export async function report({ name, about, head = COMPARISON, rows, notes = [], folder, write }) {
  const rule = head.map((name, n) => (n === 0 || name === '' ? '---' : '---:'))
  const table = [head, rule, ...rows]
  const lines = [
    `## bench:${name}`,
    '',
    about,
    '',
    ...table.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...notes.map((note) => `- ${note}`),
    `- ${await machine(folder)}`,
    '',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  if (write) writeSection(`bench:${name}`, lines)
}

function writeSection(title, lines) {
  const old = existsSync(FILE) ? readFileSync(FILE, 'utf8') : INTRODUCTION
  const [introduction, ...sections] = old.split(/^(?=## )/m)
  const others = sections.filter((section) => !section.startsWith(`## ${title}\n`))
  const all = [...others.map((section) => section.trimEnd()), lines.join('\n').trimEnd()].sort()
  writeFileSync(FILE, `${[introduction.trimEnd(), ...all].join('\n\n')}\n`)
}

/** One line on the machine, its software and how busy it is. */
async function machine(folder) {
  const { Connection, name } = await engine()
  const connection = new Connection(':memory:')
  const sqlite = Object.values(connection.prepare('select sqlite_version()').get())[0]
  connection.close()
  const [{ model = 'unknown processor' } = {}] = cpus()
  const disk = spawnSync('df', ['--output=fstype', folder], { encoding: 'utf8' }).stdout?.trim().split('\n').at(-1)
  return [
    `${model.trim()}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory, ${disk ?? 'unknown file system'}`,
    `${platform()} ${release()}`,
    `Node ${process.versions.node}`,
    `SQLite ${sqlite} (${name})`,
    `load average ${loadavg()[0].toFixed(1)} at the end`,
  ].join('; ')
}

/** The SQLite that kv uses on this Node, for calling it directly. */
export async function engine() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const builtIn = major > 22 || (major === 22 && minor >= 13)
  const name = builtIn ? 'node:sqlite' : '@photostructure/sqlite'
  const { DatabaseSync } = await import(name)
  return { name, Connection: DatabaseSync }
}
