/**
 * A store that is large: how fast it is filled at first and at last, what reading it takes, and what
 * becomes of both when it is larger than memory. Options: `--records N`, `--memory 1g` for a limit on
 * the memory of kv, page cache included, `--input FILE` for records made before, `--write`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeRecords } from './data.mjs'
import { KV, bench, environment, installed, median, settle } from './measure.mjs'
import { dropCaches, limitMemory } from './memory-limit.mjs'
import { megabytes, report, time } from './report.mjs'

const READS = fileURLToPath(new URL('scale-reads.mjs', import.meta.url))

/** Bytes of a record of `data.mjs` as JSON Lines. */
const RECORD_BYTES = 138
const SAMPLES = 20_000
/** Random reads after the page cache was dropped: each is a read of the disk. */
const COLD_SAMPLES = 2000
const PROCESSES = 20
/** The load's rate is told for each of so many parts. */
const PARTS = 10
/** A step that takes longer is ended, in seconds. */
const LONGEST = 900

const UNITS = { k: 1e3, m: 1e6, g: 1e9 }

function bytesOf(text) {
  const [, number, unit] = /^(\d+)([kmg])$/i.exec(text) ?? []
  if (number === undefined) throw new Error(`--memory ${text}: a number and k, m or g, such as 1g`)
  return Number(number) * UNITS[unit.toLowerCase()]
}

const rate = (count, seconds) =>
  `${Math.round(count / seconds / (count / seconds < 10_000 ? 1 : 1000)).toLocaleString('en')}${count / seconds < 10_000 ? '' : ' k'}/s`

/** Runs kv processes, in a control group where there is one, and tells how long and how large they were. */
class Runner {
  constructor(folder, group) {
    this.folder = folder
    this.group = group
    this.peakFile = join(folder, 'peak')
  }

  /**
   * Runs Node with `args`. `feed(stdin)` writes the input; `take(chunk)` gets the output. Resolves to
   * `{ seconds, peak, ended }`: peak resident bytes, and whether it came to its end by itself.
   */
  async run(args, { feed, take } = {}) {
    const measured = installed('time') ? ['time', '-f', '%M', '-o', this.peakFile] : []
    const script = `${this.group?.join ?? ':'}; exec "$@"`
    const began = performance.now()
    const child = spawn('sh', ['-c', script, 'sh', ...measured, process.execPath, ...args], {
      stdio: [feed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: environment(this.folder),
      detached: true,
    })
    let errors = ''
    let late = false
    child.stderr.on('data', (text) => (errors += text))
    child.stdout.on('data', (chunk) => take?.(chunk))
    const timer =
      feed === undefined
        ? setTimeout(() => {
            late = true
            process.kill(-child.pid, 'SIGKILL')
          }, LONGEST * 1000)
        : undefined
    const closed = once(child, 'close')
    await feed?.(child.stdin)
    const [status] = await closed
    clearTimeout(timer)
    const seconds = (performance.now() - began) / 1000
    if (status !== 0 && !late) throw new Error(`${args.join(' ')} ended with ${status}: ${errors}`)
    return {
      seconds,
      ended: !late,
      peak: late || measured.length === 0 ? undefined : Number(readFileSync(this.peakFile, 'utf8')) * 1024,
    }
  }
}

/**
 * Sends a file to `stdin` as fast as it is taken; returns the seconds of each part, and the largest size of the log
 * meanwhile.
 */
async function send(file, stdin, log) {
  const fd = openSync(file, 'r')
  const { size } = fstatSync(fd)
  const parts = []
  let began = performance.now()
  let largestLog = 0
  for (let at = 0; at < size;) {
    const buffer = Buffer.allocUnsafe(1 << 20)
    const length = readSync(fd, buffer, 0, buffer.length, at)
    at += length
    if (!stdin.write(buffer.subarray(0, length))) await once(stdin, 'drain')
    if (at < (size * (parts.length + 1)) / PARTS) continue
    const now = performance.now()
    parts.push((now - began) / 1000)
    began = now
    largestLog = Math.max(largestLog, statSync(log, { throwIfNoEntry: false })?.size ?? 0)
  }
  closeSync(fd)
  stdin.end()
  return { parts, largestLog }
}

/** Keys spread over the whole input, `count` of them. */
function sample(file, records, count) {
  const fd = openSync(file, 'r')
  const line = Buffer.alloc(RECORD_BYTES)
  const keys = Array.from({ length: count }, (_, n) => {
    readSync(fd, line, 0, RECORD_BYTES, Math.floor((n * records) / count) * RECORD_BYTES)
    return JSON.parse(line.toString('latin1')).key
  })
  closeSync(fd)
  return keys
}

await bench({ records: 20_000_000 }, async (folder, { records, memory, input, write }) => {
  const group = memory === undefined ? undefined : limitMemory(bytesOf(memory))
  if (group?.refused !== undefined) {
    process.stderr.write(`bench:scale: SKIPPED: ${group.refused}\n`)
    return
  }
  const at = (name) => join(folder, name)
  const store = at('store.kv')
  const runner = new Runner(folder, group)
  const rows = []
  const add = (what, { seconds, ended, peak }, count) =>
    rows.push([
      what,
      ended ? time(seconds) : `over ${LONGEST} s`,
      ended && count ? rate(count, seconds) : '',
      peak === undefined ? '' : megabytes(peak),
    ])
  const file = input ?? at('rows.jsonl')
  if (input === undefined) await writeRecords(records, { jsonl: file })
  const samples = sample(file, records, SAMPLES)
  writeFileSync(at('keys'), samples.join('\n'))
  writeFileSync(at('few'), samples.filter((_, n) => n % (SAMPLES / COLD_SAMPLES) === 7).join('\n'))
  settle()
  let load
  let total
  try {
    total = await runner.run([KV, '--quiet', '--store', store, 'batch-put'], {
      feed: async (stdin) => (load = await send(file, stdin, `${store}-wal`)),
    })
    const part = records / PARTS
    add(`load of ${records.toLocaleString('en')} through a pipe`, total, records)
    rows.push(['its first tenth', time(load.parts[0]), rate(part, load.parts[0]), ''])
    rows.push(['its last tenth', time(load.parts.at(-1)), rate(part, load.parts.at(-1)), ''])
    settle()
    const get = async (key) => (await runner.run([KV, '--store', store, 'get', key])).seconds
    const gets = []
    for (const key of samples.slice(0, PROCESSES)) gets.push(await get(key))
    rows.push([`\`kv get KEY\`, median of ${PROCESSES} processes`, time(median(gets)), '', ''])
    const reads = async (what, list) => {
      let text = ''
      const { peak } = await runner.run([READS, store, at(list)], { take: (chunk) => (text += chunk) })
      const { mean, p99, range } = JSON.parse(text)
      rows.push([
        `random \`getSync\`${what}, mean (p99 ${time(p99)})`,
        time(mean),
        rate(1, mean),
        peak === undefined ? '' : megabytes(peak),
      ])
      rows.push([`range of 1,000${what}, median`, time(range), rate(1000, range), ''])
    }
    await reads(group === undefined ? ', page cache warm' : ', page cache full', 'keys')
    if (dropCaches()) {
      await reads(', page cache dropped', 'few')
      dropCaches()
      rows.push(['`kv get KEY`, page cache dropped', time(await get(samples[1])), '', ''])
    } else {
      rows.push(['page cache dropped', 'not measured: needs root', '', ''])
    }
    add('`kv count`', await runner.run([KV, '--store', store, 'count']), records)
    let exported = 0
    const range = await runner.run([KV, '--store', store, 'range'], { take: (chunk) => (exported += chunk.length) })
    const entries = exported / RECORD_BYTES
    if (range.ended && entries !== records) throw new Error(`${entries} entries were exported`)
    rows.push([
      '`kv range` of everything',
      range.ended ? time(range.seconds) : `over ${LONGEST} s`,
      rate(entries, range.seconds),
      range.peak === undefined ? '' : megabytes(range.peak),
    ])
    add('`kv check`', await runner.run([KV, '--store', store, 'check']), records)
  } finally {
    const size = statSync(store, { throwIfNoEntry: false })?.size
    if (size !== undefined)
      rows.push(['size of the file', megabytes(size), `${(size / records).toFixed(0)} bytes an entry`, ''])
    rmSync(store, { force: true })
    group?.remove()
  }
  const limit = group === undefined ? '' : ` kv and the page cache it fills have ${memory.toUpperCase()}B of memory.`
  await report({
    name: group === undefined ? 'scale' : `scale --memory ${memory}`,
    about: `Random records, keys of 16 bytes and values of 100, in random order into a new store, durable at the end.${limit}`,
    head: ['what', 'time', 'rate', 'peak memory'],
    rows,
    notes: [
      `records a second by tenths of the load: ${load.parts.map((seconds) => rate(records / PARTS, seconds)).join(', ')}`,
      `the log grew to ${megabytes(load.largestLog)}; of memory, what a process had resident at most`,
    ],
    folder,
    write,
  })
})
