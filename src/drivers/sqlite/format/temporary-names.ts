import { SPACE_LENGTH, isRunning, processSpace } from '../../../process-id.ts'

/** Names under which stores are made, before they get their own; the number is that of the process, after it comes where that counts. */
const TEMPORARY = /^\.kv-new-(\d+)-([0-9a-z]+)\.tmp(-wal|-shm|-journal)?$/

/** A name for a store that this process makes. */
export function temporaryName(): string {
  return `.kv-new-${process.pid}-${processSpace()}${Math.random().toString(36).slice(2)}.tmp`
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

/** Whether a name of one that is gone was given here: elsewhere a process of this number may still be there. */
export function isFromHere(name: string): boolean {
  const space = TEMPORARY.exec(name)?.[2]?.slice(0, SPACE_LENGTH)
  return space === processSpace() && /[^0]/.test(space)
}
