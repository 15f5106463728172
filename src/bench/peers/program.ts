import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { Absent } from './peer.ts'

/** Patience with a program that was told to end, in milliseconds. */
const END_MS = 3000

/** Patience with a program that is to answer, in milliseconds. */
const ANSWER_MS = 60_000

/** What is left of that patience once the run is interrupted. */
const LAST_MS = 2000

/** What a program says about its version. Throws {@link Absent} when it is not installed. */
export async function versionOf(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { timeout: 10_000 })
    return stdout.trim().split('\n')[0]!
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Absent(`no program ${program} on the path`)
    throw error
  }
}

/** A program that runs beside this one until {@link end}, its lines of output given to whoever waits for them. */
export class Program {
  /**
   * A program that does not read its input, and so would not notice that this process is gone: a
   * shell beside it does, and ends it.
   */
  static server(program: string, args: readonly string[], signal: AbortSignal): Program {
    const script = 'exec 3<&0 </dev/null; { cat <&3; kill $$; } >/dev/null 2>&1 & exec 3<&-; exec "$@"'
    return new Program('sh', ['-c', script, 'sh', program, ...args], signal)
  }

  readonly #child: ChildProcessWithoutNullStreams
  readonly #exited: Promise<void>
  readonly #waiting: {
    lines: string[]
    isLast(line: string): boolean
    resolve(lines: string[]): void
    reject(error: Error): void
  }[] = []
  #rest = ''
  #over: Error | undefined
  #silence: NodeJS.Timeout | undefined

  /** @param signal interrupts the run: a program that has not answered a little later is ended */
  constructor(program: string, args: readonly string[], signal: AbortSignal) {
    // In a group of its own: Ctrl-C on a terminal is for kv, which then ends the program.
    this.#child = spawn(program, [...args], { stdio: 'pipe', detached: true })
    const { stdin, stdout, stderr } = this.#child
    let errors = ''
    this.#exited = new Promise((resolve) => {
      const end = (error: Error): void => {
        clearTimeout(this.#silence)
        this.#fail(error)
        resolve()
      }
      this.#child.once('error', end)
      this.#child.once('close', (code) =>
        end(new Error(`${program} ended with ${code}: ${errors.trim().split('\n')[0]}`)),
      )
    })
    stdout.setEncoding('latin1').on('data', (text: string) => this.#take(text))
    stderr.setEncoding('latin1').on('data', (text: string) => (errors = (errors + text).slice(0, 1000)))
    const interrupted = (): void => void setTimeout(() => this.#giveUp(signal.reason as Error), LAST_MS).unref()
    signal.addEventListener('abort', interrupted, { once: true })
    void this.#exited.then(() => signal.removeEventListener('abort', interrupted))
    // A program that has ended reads no more; who waits for an answer is told so.
    stdin.on('error', () => {})
  }

  /** Sends a text and resolves to the lines that answer it, the last of them the one that `isLast` knows: without it, one line. */
  ask(text: string, isLast: (line: string) => boolean = () => true): Promise<string[]> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over)
      if (this.#waiting.length === 0) this.#expect()
      this.#waiting.push({ lines: [], isLast, resolve, reject })
      if (text !== '') this.#child.stdin.write(text, 'latin1')
    })
  }

  /** Ends the program: its input is closed, then it is told, then it is made to. */
  async end(signal?: NodeJS.Signals): Promise<void> {
    this.#child.stdin.end()
    if (signal !== undefined) this.#child.kill(signal)
    const force = setTimeout(() => this.#kill(), END_MS)
    await this.#exited
    clearTimeout(force)
  }

  /** Begins to wait for an answer, anew with each piece of one. */
  #expect(): void {
    // One timer for all answers: making one would take longer than some of them.
    this.#silence ??= setTimeout(() => {
      this.#giveUp(new Error(`no answer for ${ANSWER_MS / 1000} s`))
    }, ANSWER_MS).unref()
    this.#silence.refresh()
  }

  /** Ends a program that owes an answer. */
  #giveUp(error: Error): void {
    if (this.#waiting.length === 0 || this.#over !== undefined) return
    this.#fail(error)
    this.#kill()
  }

  #kill(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL')
    } catch {
      // It has just ended, or never began.
    }
  }

  #take(text: string): void {
    this.#expect()
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const first = this.#waiting[0]
      if (first === undefined) continue
      first.lines.push(line)
      if (!first.isLast(line)) continue
      this.#waiting.shift()
      first.resolve(first.lines)
    }
  }

  #fail(error: Error): void {
    this.#over ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over)
  }
}
