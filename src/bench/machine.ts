import { statfsSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { round } from './numbers.ts'
import type { MachineReport } from './report.ts'

/** File systems by the number Linux gives them (statfs(2)). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x01021994: 'tmpfs',
  0x858458f6: 'ramfs',
  0x794c7630: 'overlay',
  0x2fc12fc1: 'zfs',
  0xf2f52010: 'f2fs',
  0x6969: 'nfs',
  0xff534d42: 'cifs',
  0x01021997: '9p',
  0x65735546: 'fuse',
}

/** The kind of file system a folder is on, or `null` where the system does not say. */
export function fileSystemOf(folder: string): string | null {
  if (process.platform !== 'linux') return null
  try {
    // The kernel's number may come as a negative 32-bit one.
    const number = statfsSync(folder).type >>> 0
    return FILE_SYSTEMS[number] ?? `0x${number.toString(16)}`
  } catch {
    return null
  }
}

/** Facts about this machine that figures depend on. */
export function machineFacts(fileSystem: string | null): MachineReport {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_bytes: totalmem(),
    platform: `${type()} ${release()} ${arch()}`,
    node: process.version,
    load_average: round(loadavg()[0]!),
    file_system: fileSystem,
    clock_ns: clockCost(),
  }
}

function clockCost(): number {
  const rounds = 20_000
  for (let i = 0; i < rounds; i++) performance.now()
  const began = performance.now()
  for (let i = 0; i < rounds; i++) performance.now()
  return round(((performance.now() - began) * 1e6) / rounds)
}
