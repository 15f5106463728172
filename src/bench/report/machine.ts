import { statSync, statfsSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'
import { usageError } from '../../errors.ts'
import { formatBytes } from '../../safe-text.ts'
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

/** The kind of file system a path is on, or `null` where the system does not say. */
export function fileSystemOf(path: string): string | null {
  if (process.platform !== 'linux') return null
  try {
    // The kernel's number may come as a negative 32-bit one.
    const number = statfsSync(path).type >>> 0
    return FILE_SYSTEMS[number] ?? `0x${number.toString(16)}`
  } catch {
    return null
  }
}

/** Whether a path is on another file system than a folder. */
export function isElsewhere(path: string, folder: string): boolean {
  try {
    return statSync(path).dev !== statSync(folder).dev
  } catch {
    return false
  }
}

/** Throws `KV_USAGE` when a folder's file system has no room for so many bytes. */
export function checkRoom(folder: string, bytes: number): void {
  let free: number
  try {
    const { bavail, bsize } = statfsSync(folder)
    free = bavail * bsize
  } catch {
    return
  }
  if (bytes > free) {
    throw usageError(
      `the records do not fit: ${formatBytes(bytes)} of keys and values, ${formatBytes(free)} free in ${folder}`,
      'fewer --records, a smaller --value-size, or a TMPDIR on another disk',
    )
  }
}

/** Whether the machine had more to do than it has processors when a run began. */
export function isBusy({ load_average: load, cores }: Pick<MachineReport, 'load_average' | 'cores'>): boolean {
  return load > cores
}

/** Facts about this machine that figures depend on. */
export function machineFacts(fileSystem: string | null, peersFileSystem: string | null): MachineReport {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_bytes: totalmem(),
    platform: `${type()} ${release()} ${arch()}`,
    node: process.version,
    load_average: round(loadavg()[0]!),
    file_system: fileSystem,
    peers_file_system: peersFileSystem,
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
