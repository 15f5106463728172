/** Measuring: processes and functions, each beside its peer in the same run. */
import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** The `kv` of this working tree. */
export const KV = fileURLToPath(new URL('../bin/kv.cjs', import.meta.url))

/** The environment of measured processes: variables such as NODE_EXTRA_CA_CERTS cost Node 20 ms at the start. */
export const environment = (home) => ({ PATH: process.env.PATH, HOME: home })

/**
 * Runs a benchmark in a temporary folder that is gone afterwards, also after Ctrl-C. `body(folder, options)` gets the
 * command line: `--rounds N`, `--records N`, `--memory SIZE`, `--input FILE`, `--write`.
 */
export async function bench(defaults, body) {
  const text = { type: 'string' }
  const { values } = parseArgs({
    options: { rounds: text, records: text, memory: text, input: text, write: { type: 'boolean', default: false } },
  })
  const number = (name) => (values[name] === undefined ? defaults[name] : Number(values[name]))
  const folder = mkdtempSync(join(tmpdir(), 'kv-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('SIGINT', () => {
    remove()
    process.exit(130)
  })
  try {
    await body(folder, {
      rounds: number('rounds'),
      records: number('records'),
      memory: values.memory,
      input: values.input,
      write: values.write,
    })
  } finally {
    remove()
  }
}

/** Whether a program is installed. */
export function installed(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Seconds a process takes, from its start to its end. Its output is thrown away; throws when it fails. */
export function seconds(folder, command, args, { input } = {}) {
  const stdin = input === undefined ? 'ignore' : openSync(input, 'r')
  try {
    const began = performance.now()
    const { status, error, stderr } = spawnSync(command, args, {
      stdio: [stdin, 'ignore', 'pipe'],
      env: environment(folder),
    })
    const took = (performance.now() - began) / 1000
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
    return took
  } finally {
    if (stdin !== 'ignore') closeSync(stdin)
  }
}

/** What a process prints. */
export function output(folder, command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { env: environment(folder), maxBuffer: 1 << 30 })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`)
  return stdout
}

/**
 * Peak resident memory of a shell command in bytes, or `undefined` without GNU time. `$TIME` in it stands before what
 * is measured.
 */
export function peakMemory(folder, script) {
  if (!installed('time')) return undefined
  const report = join(folder, 'peak')
  seconds(folder, 'sh', ['-c', script.replace('$TIME', `$(command -v time) -f %M -o '${report}'`)])
  return Number(readFileSync(report, 'utf8')) * 1024
}

/** Puts on disk what earlier steps left to write, so that it does not slow the next one. */
export function settle() {
  spawnSync('sync')
}

/**
 * Runs every case once a round, in turn, so that whatever else the machine does falls on all of
 * them alike. A case is `{ prepare?, run }`; `run` returns its figure, or `undefined` to measure
 * the time it takes in seconds. Returns the figures of each case by name.
 */
export async function inTurn(cases, rounds) {
  const figures = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, { prepare, run }] of Object.entries(cases)) {
      await prepare?.()
      const began = performance.now()
      const figure = await run()
      figures[name].push(figure ?? (performance.now() - began) / 1000)
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}: round ${round + 1} of ${rounds}`)
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  return figures
}

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
