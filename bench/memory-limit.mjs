/** A limit on the memory of processes, page cache included: a control group of Linux, of version 1 or 2. */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where control groups are mounted, and the group of this process, by version. */
function ownGroup() {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  const groups = readFileSync('/proc/self/cgroup', 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'))
  const memory = groups.find(([, controllers]) => controllers.split(',').includes('memory'))
  if (memory !== undefined) {
    const mount = mounts.find(([, , type, options]) => type === 'cgroup' && options.split(',').includes('memory'))
    return {
      folder: join(mount[1], memory.slice(2).join(':')),
      limit: 'memory.limit_in_bytes',
      peak: 'memory.max_usage_in_bytes',
    }
  }
  const mount = mounts.find(([, , type]) => type === 'cgroup2')
  return { folder: join(mount[1], groups[0].slice(2).join(':')), limit: 'memory.max', peak: 'memory.peak' }
}

/**
 * Makes a group below the one of this process whose members have `bytes` of memory together.
 * Returns `{ join, remove }`: a shell command that puts the shell that runs it into the group, and
 * what removes the group; or `{ refused }`, why there is none.
 */
export function limitMemory(bytes) {
  let folder
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
    return { refused: `no control group can be made here (${error.message})` }
  }
}

/** Drops the system's page cache; whether it could. */
export function dropCaches() {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    return true
  } catch {
    return false
  }
}
