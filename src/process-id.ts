import { readFileSync, readlinkSync } from 'node:fs'

/** Whether there is a process of this number; one of another user counts. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Letters and digits of {@link processSpace}. */
export const SPACE_LENGTH = 12

let space: string | undefined

/**
 * Letters and digits that stand for this start of the machine and the namespace in which this process has its number; zeros
 * where the system does not tell. The number of a process that has ended there means that very process.
 */
export function processSpace(): string {
  space ??= readSpace().slice(-SPACE_LENGTH).padStart(SPACE_LENGTH, '0')
  return space
}

function readSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')
    const [namespace] = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))!
    return Number.parseInt(boot.slice(0, 8), 16).toString(36).slice(-5) + Number(namespace).toString(36).slice(-7)
  } catch {
    return ''
  }
}
