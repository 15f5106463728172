import { type ChildProcess, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, watch, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { hostname } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { ended, kv, startKv } from '../helpers/kv.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { tempDir } from '../helpers/temp-dir.ts'

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** What is left in the folder for temporary files. */
  readonly left: readonly string[]
}

interface Where {
  readonly home?: string
  readonly tmp?: string
}

/** Runs a benchmark in this process. */
async function bench(args: readonly string[], where: Where = {}, run: typeof kv = kv): Promise<Outcome> {
  const { home, folder } = folders(where)
  const { code, stdout, stderr } = await run(['bench', ...args], { cwd: home, env: { HOME: home, TMPDIR: folder } })
  return { code, stdout: stdout.toString(), stderr, left: existsSync(folder) ? readdirSync(folder) : [] }
}

/** The same in a process of its own, beside a store that the test has open, or which `onStart` looks at. */
async function benchProcess(
  args: readonly string[],
  { onStart, ...where }: Where & { readonly onStart?: (child: ChildProcess, tmp: string) => void } = {},
): Promise<Outcome> {
  return bench(args, where, async (line, options) => {
    const child = startKv(line, options)
    onStart?.(child, options!.env!['TMPDIR']!)
    return ended(child)
  })
}

function folders({ home = tempDir(), tmp }: Where): { home: string; folder: string } {
  const folder = tmp ?? join(home, 'tmp')
  if (tmp === undefined) mkdirSync(folder, { recursive: true })
  return { home, folder }
}

const SHORT = ['--records', '300', '--duration', '25ms', '--warmup', '0']

/** The names in a value, with the form of what they hold. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
}

describe('kv bench', () => {
  test('prints a table with every step and removes its store', async () => {
    const { code, stdout, stderr, left } = await bench(['--records', '300', '--ops', '50', '--warmup', '0'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(left).toEqual([])
    expect(stdout).toMatch(/OPERATION +OPS\/S .* MEAN +MIN +P50 +P95 +P99 +MAX +LATENCY/)
    for (const step of ['read', 'put', 'batch_put x1,000', 'delete']) expect(stdout).toContain(`\n${step} `)
    // Those that begin near the last key find fewer than 100.
    expect(stdout).toMatch(/\nrange x[789]\d /)
    expect(stdout).toMatch(/300 records of 25 \+ 100 bytes, seed 1\n.* 1 in flight, durable writes\n/)
  })

  test('prints JSON of a stable form, with no number missing', async () => {
    const { stdout } = await bench([...SHORT, '--json', '--workload', 'ycsb-a'])
    const report = JSON.parse(stdout) as { targets: { steps: { missing: number }[] }[] }
    expect(stdout).not.toMatch(/NaN|Infinity/)
    expect(report.targets[0]!.steps[0]!.missing).toBe(0)
    expect(shape(report)).toMatchInlineSnapshot(`
      {
        "absent": [],
        "comparison": "null",
        "created": "string",
        "kv": "string",
        "machine": {
          "clock_ns": "number",
          "cores": "number",
          "cpu": "string",
          "file_system": "string",
          "load_average": "number",
          "memory_bytes": "number",
          "node": "string",
          "peers_file_system": "null",
          "platform": "string",
        },
        "schema": "string",
        "settings": {
          "concurrency": "number",
          "durable": "boolean",
          "duration_ms": "number",
          "key_bytes": "number",
          "location": "null",
          "operations": "null",
          "records": "number",
          "rounds": "number",
          "seed": "number",
          "value_bytes": "number",
          "warmup_ms": "number",
          "workload": "string",
        },
        "targets": [
          {
            "durable": "boolean",
            "engine": "string",
            "how": "string",
            "name": "string",
            "preload_seconds": "number",
            "steps": [
              {
                "entries": "number",
                "entries_per_second": "number",
                "histogram_ns": [
                  [
                    "number",
                  ],
                ],
                "latency_ns": {
                  "max": "number",
                  "mean": "number",
                  "min": "number",
                  "p50": "number",
                  "p90": "number",
                  "p95": "number",
                  "p99": "number",
                  "p999": "number",
                },
                "machine_per_second": {
                  "disk": [
                    "number",
                  ],
                  "processor": [
                    "number",
                  ],
                },
                "missing": "number",
                "name": "string",
                "operations": "number",
                "operations_by_name": [
                  {
                    "entries": "number",
                    "entries_per_second": "number",
                    "histogram_ns": [
                      [
                        "number",
                      ],
                    ],
                    "latency_ns": {
                      "max": "number",
                      "mean": "number",
                      "min": "number",
                      "p50": "number",
                      "p90": "number",
                      "p95": "number",
                      "p99": "number",
                      "p999": "number",
                    },
                    "name": "string",
                    "operations": "number",
                    "operations_per_second": "number",
                    "seconds": "number",
                  },
                ],
                "operations_per_second": "number",
                "ran_out": "boolean",
                "rounds_per_second": [
                  "number",
                ],
                "seconds": "number",
                "timeline": {
                  "max_ns": [
                    "number",
                  ],
                  "operations": [
                    "number",
                  ],
                  "slot_ms": "number",
                },
              },
            ],
            "unsupported": [],
          },
        ],
      }
    `)
  })

  test.for(['load', 'scan', 'ycsb-b', 'ycsb-c', 'ycsb-d', 'ycsb-e', 'ycsb-f'])(
    'runs the workload %s and finds every key it looks for',
    async (name) => {
      const { code, stdout, left } = await bench([...SHORT, '--json', '--workload', name, '--concurrency', '4'])
      const { targets } = JSON.parse(stdout) as { targets: { steps: { operations: number; missing: number }[] }[] }
      expect([code, left]).toEqual([0, []])
      for (const step of targets[0]!.steps)
        expect(step).toMatchObject({ missing: 0, operations: expect.toSatisfy((count: number) => count > 0) })
    },
  )

  test.for([
    { args: ['--value-size', '4000000', '--records', '20'], batch: 16 },
    { args: ['--concurrency', '1000', '--records', '100'], batch: 200 },
  ])('makes batches smaller that would not fit in memory: $args', async ({ args, batch }) => {
    const { code, stdout, stderr } = await bench([...args, '--ops', '1', '--warmup', '0', '--json'])
    expect([code, stderr]).toEqual([0, ''])
    const { targets } = JSON.parse(stdout) as {
      targets: { steps: { name: string; operations: number; entries: number }[] }[]
    }
    const step = targets[0]!.steps.find(({ name }) => name === 'batch_put')!
    expect(step.entries / step.operations).toBe(batch)
  })

  test('prints CSV and Markdown', async () => {
    const csv = (await bench([...SHORT, '--format', 'csv'])).stdout.trimEnd().split('\n')
    expect(csv[0]).toMatch(/^workload,step,operation,store,operations,/)
    expect(csv).toHaveLength(6)
    expect(new Set(csv.map((line) => line.split(',').length))).toEqual(new Set([18]))
    const markdown = (await bench([...SHORT, '--format', 'markdown'])).stdout
    expect(markdown).toContain('| operation | ops/s | mean | min | p50 | p95 | p99 | max |\n| --- | ---: |')
  })

  test('measures as many deletes as there are records, says when they ran out, and accepts its own report', async () => {
    const home = tempDir()
    const { stdout } = await bench(['--ops', '100', '--records', '200', '--warmup', '10ms', '--json'], { home })
    type Reported = { targets: { steps: { name: string; operations: number; ran_out: boolean }[] }[] }
    expect(
      (JSON.parse(stdout) as Reported).targets[0]!.steps.map(({ operations, ran_out }) => [operations, ran_out]),
    ).toEqual(Array.from({ length: 5 }, () => [100, false]))
    const short = await bench(['--ops', '100', '--records', '3', '--warmup', '0', '--json'], { home })
    const report = JSON.parse(short.stdout) as {
      targets: { steps: { name: string; rounds_per_second: number[]; operations: number }[] }[]
    }
    expect(report.targets[0]!.steps.at(-1)).toMatchObject({ name: 'delete', operations: 3, ran_out: true })
    Object.assign(report.targets[0]!.steps.at(-1)!, { rounds_per_second: [], operations: 0, operations_per_second: 0 })
    writeFileSync(join(home, 'old.json'), JSON.stringify(report))
    const { code, stdout: table } = await bench(
      ['--ops', '100', '--records', '3', '--warmup', '0', '--compare', 'old.json'],
      { home },
    )
    expect([code, table]).toEqual([
      0,
      expect.stringContaining('\nkv: delete ran out after 3 operations; more --records make it longer\n'),
    ])
  })

  test('compares with an older run', async () => {
    const home = tempDir()
    const { stdout } = await bench([...SHORT, '--json'], { home })
    const old = JSON.parse(stdout) as {
      machine: { load_average: number; cores: number }
      targets: { steps: { name: string; operations: number; rounds_per_second: number[] }[] }[]
    }
    for (const step of old.targets[0]!.steps) {
      // One step a million times quicker than any machine, the others all over the place.
      step.rounds_per_second = step.name === 'read' ? [1e12, 1e12, 1e12, 1e12, 1e12] : [1e-6, 1e12]
    }
    writeFileSync(join(home, 'old.json'), JSON.stringify(old))
    const now = await bench([...SHORT, '--compare', 'old.json'], { home })
    // What else the machine does is not for the test to say.
    expect(now.stdout).toMatch(/\nread +1,000,000,000,000 .* (slower|unsure: the machine was busy)\n/)
    expect(now.stdout).toMatch(/\nput .* too few to tell\n/)
    const markdown = (
      await bench([...SHORT, '--seed', '2', '--records', '200', '--compare', 'old.json', '--format', 'markdown'], {
        home,
      })
    ).stdout
    expect(markdown).toContain('- differs: records: 300 then, 200 now\n')
    expect(markdown).toContain('- differs: seed: 1 then, 2 now\n')
    expect(markdown).toMatch(/\n\| read \| 1,000,000,000,000 \| .* \|\n\| put \|.* \| too few to tell \|\n/)
  })

  test('names each peer that is absent, and measures the others beside kv', async () => {
    const short = ['--records', '100', '--ops', '10', '--warmup', '0', '--peers']
    const { code, stdout, left } = await benchProcess([...short, '--json'])
    const { targets, absent } = JSON.parse(stdout) as Record<'targets' | 'absent', { name: string }[]>
    expect([...targets, ...absent].map(({ name }) => name).toSorted()).toEqual([
      'better-sqlite3',
      'classic-level',
      'kv',
      'ldb',
      'lmdb',
      'redis-server',
      'sqlite3',
    ])
    expect(absent.map(({ name }) => name)).toEqual(expect.arrayContaining(['classic-level', 'lmdb', 'better-sqlite3']))
    expect([code, left]).toEqual([0, []])
    const markdown = (await benchProcess([...short, '--format', 'markdown'])).stdout
    for (const { name } of absent) expect(markdown).toContain(`\n- absent: ${name} (`)
    if (targets.length > 1)
      for (const { name } of targets) expect(markdown).toMatch(new RegExp(String.raw`\n- ${name}\*?: `))
  })

  test('with --no-sync says that writes are not durable', async () => {
    expect((await bench([...SHORT, '--no-sync'])).stdout).toContain('writes not durable')
  })
})

describe("the user's own store", () => {
  test('is never touched without --in-place, whatever KV_STORE says', async () => {
    const home = tempDir()
    expect((await bench(SHORT, { home })).code).toBe(0)
    expect(readdirSync(home)).toEqual(['tmp'])
  })

  test('is measured in place under its own keys, which are gone afterwards', async () => {
    const home = tempDir()
    const path = join(home, 'mine.kv')
    await using store = await openStore(path)
    await store.batch([
      { type: 'put', key: 'a', value: '1' },
      { type: 'put', key: 'kv-bencg', value: '2' },
      { type: 'put', key: 'z', value: '3' },
    ])
    const { code, stderr } = await benchProcess([...SHORT, '--store', path, '--in-place'], { home })
    expect([code, stderr]).toEqual([0, ''])
    const keys: string[] = []
    for await (const entry of store.range()) keys.push(Buffer.from(entry.key).toString())
    expect(keys).toEqual(['a', 'kv-bencg', 'z'])
    expect((await store.check()).problems).toEqual([])
  })

  test('is refused, and left as it is, while it has keys of a benchmark', async () => {
    const home = tempDir()
    const path = join(home, 'mine.kv')
    await using store = await openStore(path)
    await store.put('kv-bench:x', 'mine')
    const { code, stderr } = await benchProcess([...SHORT, '--store', path, '--in-place'], { home })
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^kv: the store already has keys that begin with kv-bench: \(KV_USAGE\)\nhint: .*\n$/),
    ])
    expect(await store.count()).toBe(1)
  })
})

describe('an interrupt', () => {
  test.for(['SIGINT', 'SIGTERM'] as const)('%s leaves nothing behind and exits 130', async (signal) => {
    const { code, stdout, stderr, left } = await benchProcess(['--duration', '10m'], {
      onStart: (child, tmp) => void whenMade('store.kv', tmp).then(() => child.kill(signal)),
    })
    expect([code, stdout, left]).toEqual([130, '', []])
    expect(stderr).toBe('kv: interrupted; nothing of the benchmark is left behind (KV_INTERRUPTED)\n')
  })

  test('in place removes the keys of the benchmark from the store', async () => {
    const home = tempDir()
    const path = join(home, 'mine.kv')
    await using store = await openStore(path)
    await store.put('mine', '1')
    const looking = (child: ChildProcess): void => {
      let told = false
      // Every write changes the log beside the store.
      const listener = watch(home, async () => {
        if (told || (await store.count({ limit: 2 })) < 2 || told) return
        told = child.kill('SIGINT')
      })
      child.once('close', () => listener.close())
    }
    const { code } = await benchProcess(['--duration', '10m', '--store', path, '--in-place'], {
      home,
      onStart: looking,
    })
    expect([code, await store.count()]).toEqual([130, 1])
  })

  test('with peers ends the programs that were started', async () => {
    const { code, left } = await benchProcess(['--peers', '--duration', '10m', '--records', '2000'], {
      onStart: (child, tmp) => void whenMade('store.kv', tmp).then(() => child.kill('SIGINT')),
    })
    expect([code, left]).toEqual([130, []])
  })
})

describe('a benchmark that was killed', () => {
  test('leaves a folder that the next one removes, and none of a benchmark that runs', async () => {
    const home = tempDir()
    const { left } = await benchProcess(['--duration', '10m'], {
      home,
      onStart: (child, tmp) => void whenMade('store.kv', tmp).then(() => child.kill('SIGKILL')),
    })
    expect(left).toHaveLength(1)
    let during: string[] = []
    const second = benchProcess(['--duration', '10m'], {
      home,
      onStart: (child, tmp) =>
        void whenMade('store.kv', tmp, left).then(async () => {
          during = readdirSync(tmp)
          expect(await benchProcess(SHORT, { home })).toMatchObject({ code: 0, left: during })
          child.kill('SIGINT')
        }),
    })
    expect((await second).left).toEqual([])
    expect(during).toHaveLength(1)
  })

  test('leaves alone folders of that name which are not its own', async () => {
    const home = tempDir()
    const tmp = join(home, 'tmp')
    const names = [
      'kv-bench-store-elsewhere-999999999-abcdef',
      `kv-bench-store-${hostname()}-${process.pid}-abcdef`,
      'kv-bench-store-mine',
    ]
    for (const name of names) mkdirSync(join(tmp, name), { recursive: true })
    writeFileSync(join(tmp, `kv-bench-store-${hostname()}-999999999-abcdef`), 'a file')
    const before = readdirSync(tmp)
    expect(before).toHaveLength(4)
    expect((await bench(SHORT, { home })).left).toEqual(before)
  })

  test('takes its redis-server with it', async (context) => {
    if (!onPath('redis-server')) {
      if (process.env['CI']) throw new Error('no redis-server')
      context.skip('no redis-server')
    }
    let ended: Promise<void> | undefined
    const onStart = (child: ChildProcess, tmp: string): void =>
      // The socket is there a moment before anybody listens; the append-only files come after that.
      void whenMade('appendonly', tmp).then((path) => {
        const connection = createConnection(join(dirname(path), 'redis.sock'))
        ended = new Promise((resolve) => connection.once('close', () => resolve()))
        connection.once('connect', () => child.kill('SIGKILL'))
      })
    await benchProcess(['--peers', '--duration', '10m', '--records', '2000'], { onStart })
    await ended
  })
})

describe('a full disk', () => {
  test.for([
    { args: ['--records', '28000'] },
    { args: ['--workload', 'load', '--records', '28000'] },
    { args: ['--workload', 'ycsb-a', '--records', '3600', '--no-sync'] },
  ])('with $args: one line, exit 4, and nothing left', async ({ args }, context) => {
    const tmp = smallDisk(context, '4m')
    const { code, stdout, stderr, left } = await benchProcess(args, { tmp })
    expect([code, stdout, left]).toEqual([4, '', []])
    expect(stderr).toMatch(
      /^(kv: --no-sync: .*\n)?kv: no space left to write .*store\.kv \(KV_DISK_FULL\)\nhint: .*\n$/,
    )
  })

  test('under a store measured in place leaves its entries, and says how to remove those of the benchmark', async (context) => {
    const disk = smallDisk(context, '4m')
    const path = join(disk, 'mine.kv')
    await using store = await openStore(path)
    await store.put('mine', '1')
    const { code, stderr } = await benchProcess(['--records', '28000', '--store', path, '--in-place'])
    expect([code, (await store.check()).problems]).toEqual([4, []])
    expect(stderr).toMatch(
      /^kv: no space left to write .*mine\.kv; keys that begin with kv-bench: are left in the store \(KV_DISK_FULL\)\nhint: .* kv del --store \S+mine\.kv --prefix kv-bench: --yes\n$/,
    )
    execFileSync('mount', ['-o', 'remount,size=32m', disk])
    await store.delRange({ prefix: 'kv-bench:' })
    expect(await store.count()).toBe(1)
    expect((await store.get('mine'))?.toString()).toBe('49')
  })

  test('is not filled with records that do not fit', async (context) => {
    const tmp = smallDisk(context, '4m')
    const { code, stdout, stderr, left } = await benchProcess(['--records', '1000000000', '--value-size', '16777216'], {
      tmp,
    })
    expect([code, stdout, left]).toEqual([2, '', []])
    expect(stderr).toMatch(
      /^kv: the records do not fit: .* of keys and values, .* free in .* \(KV_USAGE\)\nhint: .*\n$/,
    )
  })

  test('in place with peers leaves no temporary folder', async (context) => {
    const path = join(smallDisk(context, '4m'), 'mine.kv')
    const { code, left } = await benchProcess(['--records', '28000', '--store', path, '--in-place', '--peers'])
    expect([code, left]).toEqual([4, []])
  })

  test('that the page does not fit on is named, and the table is printed all the same', async (context) => {
    const disk = smallDisk(context, '64k')
    const { code, stdout, stderr } = await benchProcess([...SHORT, '--html', join(disk, 'page.html')])
    expect([code, stdout]).toEqual([4, expect.stringContaining('\nread ')])
    expect(stderr).toMatch(/^kv: cannot write .*page\.html: no space left \(KV_OUTPUT\)\n$/)
  })
})

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** The path of a file whose name begins so, when it is made in a benchmark's folder that is not among `old`. */
async function whenMade(name: string, tmp: string, old: readonly string[] = []): Promise<string> {
  const folder = await whenListed(tmp, (entry) => !old.includes(entry))
  return join(tmp, folder, await whenListed(join(tmp, folder), (entry) => entry.startsWith(name)))
}

/** The first name in a folder that is looked for, when it is there. */
function whenListed(folder: string, isWanted: (name: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    const look = (): void => {
      const found = readdirSync(folder).find(isWanted)
      if (found === undefined) return
      listener.close()
      resolve(found)
    }
    const listener = watch(folder, look)
    look()
  })
}

describe('bad input', () => {
  test.for([
    [['--workload', 'tpc-c'], 2, 'unknown workload: tpc-c'],
    [['--records', '0'], 2, 'not a number of records: 0'],
    [['--records', '-5'], 2, 'not a number of records: -5'],
    [['--records', '1e3'], 2, 'not a number of records: 1e3'],
    [['--records', '99999999999'], 2, 'not a number of records: 99999999999'],
    [['--value-size', '999999999'], 2, 'not a value size: 999999999'],
    [['--concurrency', '0'], 2, 'not a concurrency of classic: 0'],
    [['--concurrency', '1001'], 2, 'not a concurrency of classic: 1001'],
    [['--workload', 'scan', '--concurrency', '17'], 2, 'not a concurrency of scan: 17'],
    [['--ops', '0'], 2, 'not a number of operations: 0'],
    [['--seed', 'x'], 2, 'not a seed: x'],
    [['--duration', '0'], 2, 'not a duration: 0'],
    [['--duration', 'soon'], 2, 'not a duration: soon'],
    [['--duration', '1s', '--ops', '5'], 2, '--duration and --ops exclude each other'],
    [['--format', 'tsv'], 2, 'bench cannot print tsv'],
    [['--in-place'], 2, '--in-place needs --store'],
    [['--store', 'x.kv'], 2, '--store without --in-place'],
    [['--compare', 'none.json'], 2, 'cannot read none.json: no such file or folder'],
    [['--compare', '.'], 2, 'cannot read .: it is a folder'],
    [
      ['--store', 'http://127.0.0.1:1/', '--in-place', '--no-sync'],
      2,
      'a server decides for itself whether its writes wait for the disk (KV_NOT_SUPPORTED)',
    ],
    [['--html', 'no/such/page.html'], 2, 'cannot write no/such/page.html: no such folder'],
    [['--store', 'ftp://x', '--in-place'], 2, 'no driver for ftp:'],
    [['extra'], 2, 'too many arguments'],
  ] as const)('%j ends with exit code %i', async ([args, exit, message]) => {
    const home = tempDir()
    const { code, stdout, stderr, left } = await bench([...args], { home })
    expect([code, stdout, left]).toEqual([exit, '', []])
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^kv: .* \(KV_[A-Z_]+\)\n(hint: .*\n)?$/)
    expect(readdirSync(home)).toEqual(['tmp'])
  })

  test('a report that is none is refused before anything is measured', async () => {
    const home = tempDir()
    for (const text of [
      '{',
      '[]',
      'null',
      '{"schema":"kv-bench/9"}',
      '{"schema":"kv-bench/1","created":"x","settings":{},"machine":{},"targets":[null]}',
      '{"schema":"kv-bench/1","created":"x","settings":null,"machine":{},"targets":[]}',
      '{"schema":"kv-bench/1","created":"x","settings":{"workload":"load"},"machine":{},"targets":[]}',
    ]) {
      writeFileSync(join(home, 'old.json'), text)
      const { code, stderr } = await bench(['--compare', 'old.json', '--duration', '10m'], { home })
      expect([text, code]).toEqual([text, 2])
      expect(stderr).toContain('old.json')
    }
  })

  test('a page is never written over a file that is no page', async () => {
    const home = tempDir()
    writeFileSync(join(home, 'data.kv'), 'precious')
    const { code } = await bench([...SHORT, '--html', 'data.kv'], { home })
    expect([code, readFileSync(join(home, 'data.kv'), 'utf8')]).toEqual([2, 'precious'])
  })

  test('a folder for temporary files that is not there is named', async () => {
    const home = tempDir()
    const { code, stderr } = await bench(SHORT, { home, tmp: join(home, 'gone') })
    expect([code, stderr]).toEqual([
      4,
      `kv: cannot make a temporary store in ${join(home, 'gone')}: no such folder (KV_UNAVAILABLE)\nhint: TMPDIR names the folder for temporary files\n`,
    ])
  })

  test.skipIf(process.getuid?.() === 0)('a read-only folder for temporary files is named', async () => {
    const home = tempDir()
    const tmp = join(home, 'fixed')
    mkdirSync(tmp)
    chmodSync(tmp, 0o500)
    expect(await bench(SHORT, { home, tmp })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('permission denied (KV_READ_ONLY)'),
    })
  })

  test.runIf(existsSync('/proc/sys'))('a folder in which nothing can be made is named', async () => {
    const { code, stdout, stderr } = await bench(SHORT, { tmp: '/proc/sys' })
    expect([code, stdout]).toEqual([4, ''])
    expect(stderr).toMatch(
      /^kv: cannot make a temporary store in \/proc\/sys: .* \(KV_(UNAVAILABLE|READ_ONLY)\)\nhint: .*\n$/,
    )
  })
})
