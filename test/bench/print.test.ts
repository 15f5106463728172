import { expect, test } from 'vitest'
import { notes } from '../../src/bench/report/notes.ts'
import { printTable } from '../../src/bench/report/print-table.ts'
import { printCsv, printMarkdown } from '../../src/bench/report/print-text.ts'
import type { Report, StepReport, TargetReport } from '../../src/bench/report/report.ts'
import { rowsOf } from '../../src/bench/report/rows.ts'
import { reportOf } from './report.ts'

function step(name: string, operations: number): StepReport {
  return {
    name,
    operations,
    entries: operations * 100,
    seconds: 1,
    operations_per_second: operations === 0 ? 0 : 123_456,
    entries_per_second: 12_345_600,
    latency_ns: {
      mean: 123_000,
      min: 123_000,
      p50: 123_000,
      p90: 123_000,
      p95: 123_000,
      p99: 123_000,
      p999: 123_000,
      max: 123_000,
    },
    histogram_ns: [[123_000, operations]],
    rounds_per_second: [],
    machine_per_second: { processor: [], disk: [] },
    ran_out: false,
    missing: 0,
    timeline: { slot_ms: 1, operations: [], max_ns: [] },
    operations_by_name: [],
  }
}

function target(name: string, more: Partial<TargetReport> = {}): TargetReport {
  return {
    name,
    engine: `${name} 1`,
    how: 'pretended',
    durable: true,
    preload_seconds: 0,
    steps: [step('read', 1000), step('batch_put', 100)],
    unsupported: [],
    ...more,
  }
}

function report(targets: TargetReport[], { settings = {}, machine = {} }: Parameters<typeof reportOf>[1] = {}): Report {
  return reportOf(targets, { machine, settings: { warmup_ms: 300, ...settings } })
}

test.for([[['kv']], [['kv', 'better-sqlite3']]])(
  'at 80 columns the latencies are drawn, and no line is longer: %j',
  async ([names]) => {
    const text = await printTable(report(names!.map((name) => target(name))), { color: false, width: 80 })
    const table = text.slice(text.indexOf('OPERATION')).split('\n')
    expect(table[0]).toMatch(/ LATENCY$/)
    expect(table[2]).toMatch(/[▁-█]/)
    for (const line of table.slice(0, 4)) expect(line.length).toBeLessThanOrEqual(80)
  },
)

test('the ratio is always to kv, also where kv has no figures', () => {
  const rows = rowsOf(
    report([target('kv', { steps: [step('read', 10), step('batch_put', 0)] }), target('a'), target('b')]),
  )
  expect(rows.map(({ operation, target: name, ratio }) => [operation, name, ratio])).toEqual([
    ['read x100', 'kv', undefined],
    ['read x100', 'a', 1],
    ['read x100', 'b', 1],
    ['batch_put x100', 'a', undefined],
    ['batch_put x100', 'b', undefined],
  ])
})

test('a store that is not as durable as kv is marked in every form', async () => {
  const made = report([target('kv'), target('ldb', { durable: false })])
  expect(await printTable(made, { color: false, width: Infinity })).toMatch(
    /read x100 +ldb\* .*\nldb\*: ldb 1; pretended; NOT durable\n/s,
  )
  expect(printMarkdown(made)).toMatch(/\n\| read x100 \| ldb\* \|.*\n- ldb\*: ldb 1; pretended; NOT durable\n/s)
  expect(
    printCsv(made)
      .split('\n')
      .slice(0, 3)
      .map((line) => line.split(',').at(-1)),
  ).toEqual(['durable', 'true', 'false'])
})

test("over HTTP durability is the server's matter, and the store is named", async () => {
  const made = report([target('kv', { durable: null, how: 'over HTTP' })], {
    settings: { location: 'http://host:1/', durable: null },
    machine: { file_system: null },
  })
  for (const text of [await printTable(made, { color: false, width: Infinity }), printMarkdown(made)]) {
    expect(text).toContain('store: http://host:1/, over HTTP\n')
    expect(text).toContain('1 in flight, durability: as the server is set\n')
  }
  expect(printCsv(made).split('\n')[1]).toMatch(/,unknown$/)
})

test('Markdown says what was measured', () => {
  const text = printMarkdown(report([target('kv')]))
  for (const fact of [
    'kv 1.0.0, kv 1, Node 20.0.0',
    'cpu, 2 cores, 8.0 GB memory, x, ext4',
    '1,000 records of 25 + 10 bytes, seed 1',
    '0.15 s a step in 5 rounds, warm-up 0.3 s, 1 in flight, durable writes',
  ])
    expect(text).toContain(fact)
})

test('notes tell of other disks, of a busy machine, and of what ran out', () => {
  const lines = notes(
    report([target('kv', { steps: [{ ...step('delete', 3), ran_out: true }] })], {
      settings: { location: '/x' },
      machine: { file_system: 'tmpfs', peers_file_system: 'ext4', load_average: 2.5 },
    }),
  )
  expect(lines).toEqual([
    'kv: delete ran out after 3 operations; more --records make it longer',
    'The store was on tmpfs, in memory: durable writes are slower on a disk.',
    'The peers were on another disk than the store (ext4, tmpfs): the ratios are those of the disks, too. TMPDIR names another folder.',
    'The machine was busy with other work (load 2.5).',
  ])
})
