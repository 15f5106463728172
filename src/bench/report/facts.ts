import { escapeLine, formatBytes } from '../../safe-text.ts'
import type { Report } from './report.ts'

/** What was measured, where and how: what every form of a report for people begins with, a line each. */
export function facts({ kv, machine, settings, targets }: Report): string[] {
  const { records, location, duration_ms, operations } = settings
  const length =
    operations !== null
      ? `${operations.toLocaleString('en')} operations a step`
      : duration_ms === null
        ? 'each step to its end'
        : `${duration_ms / 1000} s a step`
  const [target] = targets
  return [
    `kv ${kv}, ${target?.engine ?? ''}, Node ${machine.node.slice(1)}`,
    `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}, ${formatBytes(machine.memory_bytes)} memory, ${machine.platform}${machine.file_system === null ? '' : `, ${machine.file_system}`}`,
    ...(location === null ? [] : [`store: ${location}, ${target?.how ?? ''}`]),
    `${settings.workload}: ${records.toLocaleString('en')} records of ${settings.key_bytes} + ${settings.value_bytes} bytes, seed ${settings.seed}`,
    `${length} in ${settings.rounds} rounds, warm-up ${settings.warmup_ms / 1000} s, ${settings.concurrency} in flight, ${durability(settings.durable)}`,
  ].map(escapeLine)
}

function durability(durable: boolean | null): string {
  if (durable === null) return 'durability: as the server is set'
  return durable ? 'durable writes' : 'writes not durable (--no-sync)'
}
