import { readFileSync } from 'node:fs'
import { CODES, KvError } from '../errors.ts'
import { lexLine, unfinished } from './lexer.ts'
import type { Session } from './session.ts'

/** How a script is run. */
export interface ScriptOptions {
  /** As messages name it; `undefined`: they need not say where. */
  readonly name: string | undefined
  /** Go on after a command that failed. */
  readonly keepGoing: boolean
}

/**
 * Runs every command of a script. Stops at the first that fails and says where, `name:LINE`;
 * resolves to its exit code, with `keepGoing` to that of the first failure.
 */
export async function runScript(session: Session, text: string, { name, keepGoing }: ScriptOptions): Promise<number> {
  let failure = 0
  const failed = (code: number, line: number): boolean => {
    if (failure === 0) failure = code
    const stopped = !keepGoing || code === CODES.KV_INTERRUPTED.exit
    if (name !== undefined) session.io.stderr.write(`kv: ${stopped ? 'stopped at' : 'failed at'} ${name}:${line} (exit ${code})\n`)
    return stopped
  }
  const source = text.replace(/^\ufeff/, '')
  for (let at = 0, line = 1; at < source.length && !session.ended && !session.signal.aborted; ) {
    let next: number
    let code: number
    try {
      const command = lexLine(source, at, line)
      next = command.next
      if (command.open !== undefined) throw unfinished(command.open)
      code = await session.run(command)
    } catch (error) {
      // Where a line that cannot be read ends is not known; the next one is the best guess.
      next = source.indexOf('\n', at) + 1 || source.length
      code = session.report(error)
    }
    if (code !== 0 && failed(code, line)) break
    line += source.slice(at, next).split('\n').length - 1
    at = next
  }
  return failure === 0 && session.signal.aborted ? CODES.KV_INTERRUPTED.exit : failure
}

/** The text of a script. Throws `KV_USAGE` when it cannot be read. */
export function readScript(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new KvError('KV_USAGE', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (cause as Error).message}`, { cause })
  }
}
