import { type Report, SCHEMA } from '../../src/bench/report/report.ts'

/** A report of `kv bench` with these targets, on a machine that is pretended. */
export function reportOf(
  targets: Report['targets'],
  {
    kv = '1.0.0',
    machine = {},
    settings = {},
  }: { kv?: string; machine?: Partial<Report['machine']>; settings?: Partial<Report['settings']> } = {},
): Report {
  return {
    schema: SCHEMA,
    created: '2026-01-02T03:04:05.000Z',
    kv,
    machine: {
      cpu: 'cpu',
      cores: 2,
      memory_bytes: 8e9,
      platform: 'x',
      node: 'v20.0.0',
      load_average: 0,
      file_system: 'ext4',
      peers_file_system: null,
      clock_ns: 40,
      ...machine,
    },
    settings: {
      workload: 'classic',
      records: 1000,
      key_bytes: 25,
      value_bytes: 10,
      concurrency: 1,
      seed: 1,
      location: null,
      durable: true,
      duration_ms: 150,
      operations: null,
      warmup_ms: 0,
      rounds: 5,
      ...settings,
    },
    targets,
    absent: [],
    comparison: null,
  }
}
