import { CODES } from '../../errors.ts'
import { untilAborted } from '../../async.ts'
import { readChunks, openInputFile } from '../../load/input-file.ts'
import { type Bytes, ScriptReader } from '../language/script-reader.ts'
import type { Session } from './session.ts'

/** How a script is run. */
export interface ScriptOptions {
  /** As messages name it; `undefined`: they need not say where. */
  readonly name: string | undefined
  /** Go on after a command that failed. */
  readonly keepGoing?: boolean | undefined
  /** Is told the exit code of every command, once its output is written; failures are then not reported otherwise. */
  readonly onStatus?: ((code: number) => void) | undefined
}

/**
 * Runs every command of a script, each as soon as it is there. Stops at the first that fails and
 * says where, `name:LINE`; resolves to its exit code, with `keepGoing` to that of the first failure. With `onStatus`
 * only a signal stops it, and the exit code is 0 otherwise.
 */
export function runScript(
  session: Session,
  script: ScriptReader,
  { name, keepGoing = false, onStatus }: ScriptOptions,
): Promise<number> {
  return session.foreground.run(async () => {
    const { signal } = session
    let failure = 0
    while (!session.ended && !script.atEnd) {
      let code: number
      try {
        const command = await untilAborted(script.next(), signal)
        if (command === undefined) break
        code = await session.run(command)
      } catch (error) {
        code = signal.aborted ? CODES.KV_INTERRUPTED.exit : session.report(error)
      }
      const isStopped = code === CODES.KV_INTERRUPTED.exit
      onStatus?.(code)
      if (code === 0 || (onStatus !== undefined && !isStopped)) continue
      if (failure === 0) failure = code
      const stops = !keepGoing || isStopped
      if (name !== undefined)
        session.reportPlace(`${stops ? 'stopped' : 'failed'} at ${name}:${script.line} (exit ${code})`, stops)
      if (stops) break
    }
    return failure
  })
}

/** The same for a script in a file, which is read as its commands run. Throws `KV_USAGE` when it cannot be read. */
export async function runScriptFile(
  session: Session,
  file: string,
  options: Omit<ScriptOptions, 'name'> = {},
): Promise<number> {
  const { fd, close } = openInputFile(file)
  try {
    return await runScript(session, new ScriptReader(file, bytesOf(fd, file, session.signal)), {
      ...options,
      name: file,
    })
  } finally {
    close()
  }
}

/** The bytes of a descriptor. None is read before it is asked for, so that nothing is under way when nobody asks. */
export function bytesOf(fd: number, name: string, signal?: AbortSignal): Bytes {
  const chunks = readChunks(fd, name, signal)
  return async () => (await chunks.next()).value ?? undefined
}
