import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

/*
 * Node reads arguments and variables as UTF-8 and puts U+FFFD where they are not; what the user wrote is
 * then lost, and two different names may have become one. Linux still knows the bytes, so that a real
 * U+FFFD can be told from a broken one; elsewhere it counts as broken.
 */

/** Whether every argument is the text that the user wrote. */
export function argumentsAreText(argv: readonly string[]): boolean {
  return !argv.some((word) => word.includes('\ufffd')) || isText('cmdline', () => true)
}

/** Whether a variable of the environment is the text that the user wrote. */
export function variableIsText(name: string, value: string): boolean {
  return (
    !value.includes('\ufffd') ||
    isText('environ', (entry) => entry.subarray(0, name.length + 1).toString('latin1') === `${name}=`)
  )
}

function isText(file: string, concerned: (entry: Buffer) => boolean): boolean {
  let bytes: Buffer
  try {
    bytes = readFileSync(`/proc/self/${file}`)
  } catch {
    return false
  }
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0, at)
    const entry = bytes.subarray(at, end < 0 ? bytes.length : end)
    if (concerned(entry) && !isUtf8(entry)) return false
    at += entry.length + 1
  }
  return true
}
