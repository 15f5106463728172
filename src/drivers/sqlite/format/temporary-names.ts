import { isRunning } from '../../../process-id.ts'

/** Names under which stores are made, before they get their own; the number is that of the process. */
const TEMPORARY = /^\.kv-new-(\d+)-[0-9a-z]+\.tmp(-wal|-shm|-journal)?$/

/** A name for a store that this process makes. */
export function temporaryName(): string {
  return `.kv-new-${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
}

/** Whether a file of this name is a store that is being made, or what SQLite puts beside one. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name)
}

/** Whether it is one of a process that is gone. */
export function isAbandoned(name: string): boolean {
  const pid = TEMPORARY.exec(name)?.[1]
  return pid !== undefined && !isRunning(Number(pid))
}
