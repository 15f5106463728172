/**
 * A store that is large: how fast it is filled at first and at last, what reading it takes, and what becomes of both
 * when it is larger than memory. Options: `--records N`, `--memory 1g` for a limit on the memory of kv, page cache
 * included, `--input FILE` for records made before, `--write`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { formatRate, median } from '../src/bench/report/numbers.ts'
import { KV, bench, environment, installed, script, settle } from './harness.ts'
import { type MemoryLimit, dropCaches, limitMemory, sizeOf } from './memory-limit.ts'
import { RECORD_BYTES, writeRecords } from './records.ts'
import { bytes, report, time } from './table.ts'

const SAMPLES = 20_000
/** Random reads after the page cache was dropped: each is a read of the disk. */
const COLD_SAMPLES = 2000
const PROCESSES = 20
/** The load's rate is told for each of so many parts. */
const PARTS = 10
/** A step that takes longer is ended, in milliseconds. */
const LONGEST_MS = 900_000

function rate(count: number, ms: number): string {
  const perSecond = (count / ms) * 1000
  return perSecond < 10_000 ? `${formatRate(perSecond)}/s` : `${formatRate(perSecond / 1000)} k/s`
}

/** What a process took. */
interface Run {
  readonly ms: number
  /** Peak resident memory in bytes. */
  readonly peak: number | undefined
  /** Whether it came to its end by itself. */
  readonly ended: boolean
}

/** Runs Node processes, in a control group where there is one. */
class Runner {
  readonly #folder: string
  readonly #group: MemoryLimit | undefined

  constructor(folder: string, group: MemoryLimit | undefined) {
    this.#folder = folder
    this.#group = group
  }

  /** Runs Node with `args`. `feed` writes the input, `take` gets the output. */
  async run(
    args: readonly string[],
    { feed, take }: { feed?: (stdin: Writable) => Promise<void>; take?: (chunk: Buffer) => void } = {},
  ): Promise<Run> {
    const peakFile = join(this.#folder, 'peak')
    const timed = installed('time') ? ['time', '-f', '%M', '-o', peakFile] : []
    const shell = ['-c', `${this.#group?.join ?? ':'}; exec "$@"`, 'sh', ...timed, process.execPath, ...args]
    const began = performance.now()
    const child = spawn('sh', shell, {
      stdio: [feed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: environment(this.#folder),
      detached: true,
    })
    let errors = ''
    let ended = true
    child.stderr!.on('data', (text) => (errors += text))
    child.stdout!.on('data', (chunk: Buffer) => take?.(chunk))
    const kill = (): void => {
      ended = false
      process.kill(-child.pid!, 'SIGKILL')
    }
    const timer = feed === undefined ? setTimeout(kill, LONGEST_MS) : undefined
    const closed = once(child, 'close')
    await feed?.(child.stdin!)
    const [status] = (await closed) as [number | null]
    clearTimeout(timer)
    const ms = performance.now() - began
    if (status !== 0 && ended) throw new Error(`${args.join(' ')} ended with ${status}: ${errors}`)
    return { ms, ended, peak: ended && timed.length > 0 ? Number(readFileSync(peakFile, 'utf8')) * 1024 : undefined }
  }
}

/** Sends a file as fast as it is taken; returns the milliseconds of each part, and the largest size of the log meanwhile. */
async function send(file: string, stdin: Writable, log: string): Promise<{ parts: number[]; largestLog: number }> {
  const fd = openSync(file, 'r')
  const { size } = fstatSync(fd)
  const parts: number[] = []
  let began = performance.now()
  let largestLog = 0
  for (let at = 0; at < size;) {
    const buffer = Buffer.allocUnsafe(1 << 20)
    const length = readSync(fd, buffer, 0, buffer.length, at)
    at += length
    if (!stdin.write(buffer.subarray(0, length))) await once(stdin, 'drain')
    if (at < (size * (parts.length + 1)) / PARTS) continue
    const now = performance.now()
    parts.push(now - began)
    began = now
    largestLog = Math.max(largestLog, statSync(log, { throwIfNoEntry: false })?.size ?? 0)
  }
  closeSync(fd)
  stdin.end()
  return { parts, largestLog }
}

/** Keys spread over the whole input, `count` of them. */
function sample(file: string, records: number, count: number): string[] {
  const fd = openSync(file, 'r')
  const line = Buffer.alloc(RECORD_BYTES)
  const keys = Array.from({ length: count }, (_, n) => {
    readSync(fd, line, 0, RECORD_BYTES, Math.floor((n * records) / count) * RECORD_BYTES)
    return (JSON.parse(line.toString('latin1')) as { key: string }).key
  })
  closeSync(fd)
  return keys
}

await bench({ records: 20_000_000 }, async (folder, { records, memory, input, write }) => {
  const limit = memory === undefined ? undefined : limitMemory(sizeOf(memory))
  if (typeof limit === 'string') return void process.stderr.write(`bench:scale: SKIPPED: ${limit}\n`)
  const at = (name: string): string => join(folder, name)
  const store = at('store.kv')
  const runner = new Runner(folder, limit)
  const kv = (...args: string[]): string[] => [KV, '--store', store, ...args]
  const rows: string[][] = []
  const add = (what: string, { ms, ended, peak }: Run, count = 0): void => {
    const shown = ended ? time(ms) : `over ${time(LONGEST_MS)}`
    rows.push([what, shown, ended && count > 0 ? rate(count, ms) : '', bytes(peak)])
  }
  const plain = (what: string, ms: number, count = 0): void => add(what, { ms, ended: true, peak: undefined }, count)
  const file = input ?? at('rows.jsonl')
  if (input === undefined) await writeRecords(records, { jsonl: file })
  const samples = sample(file, records, SAMPLES)
  writeFileSync(at('keys'), samples.join('\n'))
  writeFileSync(at('few'), samples.filter((_, n) => n % (SAMPLES / COLD_SAMPLES) === 7).join('\n'))
  settle()
  let load = { parts: [] as number[], largestLog: 0 }
  try {
    const feed = async (stdin: Writable): Promise<void> => void (load = await send(file, stdin, `${store}-wal`))
    add(
      `load of ${records.toLocaleString('en')} through a pipe`,
      await runner.run(kv('--quiet', 'batch-put'), { feed }),
      records,
    )
    plain('its first tenth', load.parts[0]!, records / PARTS)
    plain('its last tenth', load.parts.at(-1)!, records / PARTS)
    settle()
    const get = async (key: string): Promise<number> => (await runner.run(kv('get', key))).ms
    const gets = []
    for (const key of samples.slice(0, PROCESSES)) gets.push(await get(key))
    plain(`\`kv get KEY\`, median of ${PROCESSES} processes`, median(gets))
    const reads = async (cache: string, list: string): Promise<void> => {
      let text = ''
      const run = await runner.run([script('scale-reads'), store, at(list)], { take: (chunk) => (text += chunk) })
      const { mean, p99, range } = JSON.parse(text) as { mean: number; p99: number; range: number }
      add(`random \`getSync\`, ${cache}, mean (p99 ${time(p99)})`, { ...run, ms: mean }, 1)
      plain(`range of 1,000, ${cache}, median`, range, 1000)
    }
    await reads(limit === undefined ? 'page cache warm' : 'page cache full', 'keys')
    if (dropCaches()) {
      await reads('page cache dropped', 'few')
      dropCaches()
      plain('`kv get KEY`, page cache dropped', await get(samples[1]!))
    } else {
      rows.push(['page cache dropped', 'not measured: needs root', '', ''])
    }
    add('`kv count`', await runner.run(kv('count')), records)
    let exported = 0
    const range = await runner.run(kv('range'), { take: (chunk) => (exported += chunk.length) })
    const entries = exported / RECORD_BYTES
    if (range.ended && entries !== records) throw new Error(`${entries} entries were exported`)
    add('`kv range` of everything', range, entries)
    add('`kv check`', await runner.run(kv('check')), records)
  } finally {
    const size = statSync(store, { throwIfNoEntry: false })?.size
    if (size !== undefined)
      rows.push(['size of the file', bytes(size), `${(size / records).toFixed(0)} bytes an entry`, ''])
    rmSync(store, { force: true })
    limit?.remove()
  }
  const limited = memory === undefined ? '' : ` kv and the page cache it fills have ${memory.toUpperCase()}B of memory.`
  await report({
    name: memory === undefined ? 'scale' : `scale --memory ${memory}`,
    about: `Random records, keys of 16 bytes and values of 100, in random order into a new store, durable at the end.${limited}`,
    head: ['what', 'time', 'rate', 'peak memory'],
    rows,
    notes: [
      `records a second by tenths of the load: ${load.parts.map((ms) => rate(records / PARTS, ms)).join(', ')}`,
      `the log grew to ${bytes(load.largestLog)}; of memory, what a process had resident at most`,
    ],
    folder,
    write,
  })
})
