import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import type { BenchOptions } from '../bench/bench.ts'
import type { Report } from '../bench/report/report.ts'
import { WORKLOADS, workloadNamed } from '../bench/workloads/index.ts'
import { batchEntries } from '../bench/workloads/workload.ts'
import { useColor } from '../cli/environment.ts'
import type { Context } from '../cli/context.ts'
import { parseDuration } from '../duration.ts'
import { interrupted, oneOf, unwritable, usageError } from '../errors.ts'
import { escapeLine } from '../safe-text.ts'
import { syncOption } from '../cli/line/shared-options.ts'

declare const __VERSION__: string

const FORMATS = ['table', 'json', 'csv', 'markdown'] as const
type BenchFormat = (typeof FORMATS)[number]

interface Flags {
  workload: string
  records?: string
  valueSize?: string
  duration?: string
  ops?: string
  concurrency: string
  seed: string
  warmup: string
  sync: boolean
  inPlace?: boolean
  peers?: boolean
  compare?: string
  html?: string
}

/** `kv bench` */
export function bench(ctx: Context): Command {
  return new Command('bench')
    .description(
      'Measure how fast a store is on this machine: a temporary one,\nor with --store FILE --in-place an existing one, under the keys kv-bench:...',
    )
    .option('--workload <name>', 'what is done, see below (classic)', 'classic')
    .option('--records <number>', 'records in the store before it begins (100000)')
    .option('--value-size <bytes>', 'bytes of a value (100; ycsb: 1000)')
    .option('--duration <time>', 'how long each step takes (2s)')
    .option('--ops <number>', 'operations of each step, instead of a time')
    .option('--concurrency <number>', 'operations under way at once (1)', '1')
    .option('--seed <number>', 'the same seed draws the same operations (1)', '1')
    .option('--warmup <time>', 'how long each step runs before it is measured (300ms)', '300ms')
    .option(
      '--peers',
      'measure what else is installed in the same run:\nsqlite3, ldb, redis-server, classic-level, lmdb, better-sqlite3',
    )
    .option('--compare <report>', 'show ratios to an older run, saved with --json')
    .option('--html <file>', 'also write a page with charts')
    .option('--in-place', 'with --store: measure that store itself')
    .addOption(syncOption())
    .addHelpText(
      'after',
      `\nWorkloads:\n${WORKLOADS.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}`).join('\n')}\n\nForms of the output (--format): ${FORMATS.join(' ')}.\n\nExamples:\n  kv bench\n  kv bench --peers --html bench.html\n  kv bench --workload ycsb-a --concurrency 64\n  kv bench --json > before.json; kv bench --compare before.json`,
    )
    .action(async (flags: Flags, command: Command) => {
      const format = formatOf(ctx)
      const options = benchOptions(ctx, flags, command.optsWithGlobals<{ store?: string }>().store)
      const { readReport, compare } = await import('../bench/report/compare.ts')
      const old = flags.compare === undefined ? undefined : readReport(flags.compare, options.plan.workload.name)
      const page = flags.html === undefined ? undefined : await import('../bench/report/page/page.ts')
      if (flags.html !== undefined) page!.checkPage(flags.html)
      const measured = await interruptible(ctx, options)
      const report: Report = old === undefined ? measured : { ...measured, comparison: compare(old, measured) }
      await print(ctx, report, format)
      if (flags.html !== undefined) {
        writePage(flags.html, page!.htmlPage(report))
        ctx.say(`wrote ${escapeLine(flags.html)}`)
      }
    })
}

function formatOf(ctx: Context): BenchFormat {
  const wanted = ctx.globals.formatFlag ?? (ctx.globals.json ? 'json' : (ctx.globals.format ?? 'table'))
  return oneOf(FORMATS, wanted === 'jsonl' ? 'json' : wanted, `bench cannot print ${wanted}`)
}

/** Operations under way at once, where the workload has no limit of its own. */
const MAX_CONCURRENCY = 1000

type Settings = Omit<BenchOptions, 'signal' | 'onProgress'>

function benchOptions(ctx: Context, flags: Flags, store: string | undefined): Settings {
  if (flags.inPlace && store === undefined)
    throw usageError('--in-place needs --store', 'name the store to measure: kv bench --store FILE --in-place')
  if (!flags.inPlace && store !== undefined)
    throw usageError(
      '--store without --in-place',
      '--in-place measures that store itself, under keys that begin with kv-bench:; without --store, a temporary store is measured',
    )
  if (flags.duration !== undefined && flags.ops !== undefined)
    throw usageError('--duration and --ops exclude each other')
  const workload = workloadNamed(flags.workload)
  const seed = wholeNumber(flags.seed, 'seed', 0, Number.MAX_SAFE_INTEGER)
  const records = wholeNumber(flags.records ?? workload.records, 'number of records', 1, 1e9)
  const valueBytes = wholeNumber(flags.valueSize ?? workload.valueBytes, 'value size', 0, 2 ** 24)
  const most = workload.maxConcurrency ?? MAX_CONCURRENCY
  const concurrency = wholeNumber(flags.concurrency, `concurrency of ${workload.name}`, 1, most)
  return {
    plan: {
      workload,
      options: { records, valueBytes, batch: batchEntries(valueBytes, concurrency), seed },
      concurrency,
      durationMs: flags.duration === undefined ? undefined : parseDuration(flags.duration, 'duration'),
      ops: flags.ops === undefined ? undefined : wholeNumber(flags.ops, 'number of operations', 1, 1e9),
      warmupMs: parseDuration(flags.warmup, 'warm-up time', { zero: true }),
    },
    durable: flags.sync,
    location: store,
    open: (location, sync) => ctx.open({ ...ctx.globals, store: location, storeIsDefault: false }, { sync }),
    peers: flags.peers ?? false,
    version: __VERSION__,
  }
}

/** Runs the benchmark so that Ctrl-C, and a polite kill, end it cleanly. */
async function interruptible(ctx: Context, options: Settings): Promise<Report> {
  const { runBench } = await import('../bench/bench.ts')
  const { signal, drawsProgress } = ctx
  const { stderr } = ctx.io
  ctx.handleSignals()
  try {
    return await runBench({
      ...options,
      signal,
      onProgress({ target, step, done, of }) {
        const line = `${Math.floor((done / of) * 100)} %  ${escapeLine(target)}: ${step}`
        if (drawsProgress) stderr.write(`\r\u001b[K${line.slice(0, stderr.columns() - 1)}`)
      },
    })
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
    throw interrupted(signal, 'interrupted; nothing of the benchmark is left behind')
  } finally {
    if (drawsProgress) stderr.write('\r\u001b[K')
  }
}

async function print(ctx: Context, report: Report, format: BenchFormat): Promise<void> {
  const { stdout } = ctx.io
  if (format === 'json') return stdout.write(`${JSON.stringify(report)}\n`)
  if (format !== 'table') {
    const { printCsv, printMarkdown } = await import('../bench/report/print-text.ts')
    return stdout.write(format === 'csv' ? printCsv(report) : printMarkdown(report))
  }
  const { printTable } = await import('../bench/report/print-table.ts')
  const color = useColor(stdout.isTTY, ctx.globals, ctx.io.env)
  stdout.write(await printTable(report, { color, width: stdout.isTTY ? stdout.columns() : Infinity }))
}

function writePage(path: string, html: string): void {
  try {
    writeFileSync(path, html)
  } catch (cause) {
    throw unwritable(path, cause, 'KV_OUTPUT')
  }
}

function wholeNumber(text: string | number, what: string, min: number, max: number): number {
  const number = Number(text)
  if (!/^\d+$/.test(String(text)) || number < min || number > max) {
    throw usageError(
      `not a ${what}: ${text}`,
      `a whole number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`,
    )
  }
  return number
}
