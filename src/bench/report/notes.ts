import { escapeLine } from '../../safe-text.ts'
import { isBusy } from './machine.ts'
import type { Report } from './report.ts'

/** What to know about a report's figures, a line each: faults, what each store is, who is absent, what disturbed. */
export function notes({ machine, settings, targets, absent }: Report): string[] {
  const lines = []
  for (const { name, steps } of targets) {
    for (const step of steps) {
      if (step.missing > 0)
        lines.push(`FAULT: ${name} did not find ${step.missing.toLocaleString('en')} keys in ${step.name}`)
      if (step.ran_out)
        lines.push(
          `${name}: ${step.name} ran out after ${step.operations.toLocaleString('en')} operations; more --records make it longer`,
        )
    }
  }
  if (targets.length > 1) {
    lines.push('Ratio: operations per second over those of kv (above 1: quicker than kv).')
    for (const { name, engine, how, durable, unsupported } of targets) {
      const parts = [engine, how]
      if (durable !== settings.durable)
        parts.push(durable === null ? 'durability: as the server is set' : durable ? 'durable' : 'NOT durable')
      if (unsupported.length > 0) parts.push(`cannot ${unsupported.join(', ')}`)
      lines.push(`${name}${durable === settings.durable ? '' : '*'}: ${parts.join('; ')}`)
    }
  }
  for (const { name, reason } of absent) lines.push(`absent: ${name} (${reason})`)
  if (machine.file_system === 'tmpfs' || machine.file_system === 'ramfs') {
    lines.push(
      `The store was on ${machine.file_system}, in memory: durable writes are slower on a disk.${settings.location === null ? ' TMPDIR names another folder.' : ''}`,
    )
  }
  if (machine.peers_file_system !== null) {
    lines.push(
      `The peers were on another disk than the store (${machine.peers_file_system}, ${machine.file_system ?? 'unknown'}): the ratios are those of the disks, too. TMPDIR names another folder.`,
    )
  }
  if (isBusy(machine)) lines.push(`The machine was busy with other work (load ${machine.load_average.toFixed(1)}).`)
  return lines.map(escapeLine)
}
