import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { KvError, reasonOf } from './errors.ts'

/**
 * The exit code of a program, as a shell tells it: 128 and more for a signal. Throws `KV_USAGE`, with the hint for a
 * program that is not there, when it could not be started.
 */
export function exitOf(child: ChildProcess, hint?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => {
      // Node tells so, too, of a signal that could not be sent.
      if (child.pid === undefined) reject(cannotRun(child.spawnfile, cause, hint))
    })
    // 130 is what the user stopped.
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/** The error of a program that could not be started; the hint is for one that is not there. */
export function cannotRun(program: string, cause: unknown, hint?: string): KvError {
  const { code } = cause as NodeJS.ErrnoException
  const reason = code === 'E2BIG' ? 'the line is too long for a program' : reasonOf(cause)
  return new KvError('KV_USAGE', `cannot run ${program}: ${reason}`, {
    cause,
    hint: code === 'ENOENT' || code === 'EACCES' ? hint : undefined,
  })
}
