/** A limit on the memory of processes, page cache included: a control group of Linux, of version 1 or 2. */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const UNITS: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9 }

/** A number of bytes: `1g`, `512m`. */
export function sizeOf(text: string): number {
  const [, number, unit] = /^(\d+)([kmg])$/i.exec(text) ?? []
  if (number === undefined) throw new Error(`--memory ${text}: a number and k, m or g, such as 1g`)
  return Number(number) * UNITS[unit!.toLowerCase()]!
}

/** A group whose members have a limited memory together. */
export interface MemoryLimit {
  /** A shell command that puts the shell that runs it into the group. */
  readonly join: string
  remove(): void
}

/** The folder of this process's group, and the name of the file that limits a group's memory. */
function ownGroup(): { folder: string; limit: string } {
  const words = (file: string, separator: string): string[][] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(separator))
  const mounts = words('/proc/self/mounts', ' ')
  const groups = words('/proc/self/cgroup', ':')
  const version1 = groups.find(([, controllers]) => controllers?.split(',').includes('memory'))
  const mount = mounts.find(([, , type, options]) =>
    version1 === undefined ? type === 'cgroup2' : type === 'cgroup' && options!.split(',').includes('memory'),
  )
  const path = (version1 ?? groups[0])!.slice(2).join(':')
  return { folder: join(mount![1]!, path), limit: version1 === undefined ? 'memory.max' : 'memory.limit_in_bytes' }
}

/** Makes a group below the one of this process; or says in a text why it cannot. */
export function limitMemory(bytes: number): MemoryLimit | string {
  let folder = ''
  try {
    const own = ownGroup()
    folder = join(own.folder, `kv-bench-${process.pid}`)
    mkdirSync(folder)
    accessSync(join(folder, own.limit), constants.W_OK)
    writeFileSync(join(folder, own.limit), String(bytes))
    return { join: `echo $$ > '${join(folder, 'cgroup.procs')}'`, remove: () => rmdirSync(folder) }
  } catch (error) {
    try {
      rmdirSync(folder)
    } catch {
      // It was not made.
    }
    return `no control group can be made here (${(error as Error).message})`
  }
}

/** Drops the system's page cache; whether it could. */
export function dropCaches(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    return true
  } catch {
    return false
  }
}
