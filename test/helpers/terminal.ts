import type { IPty } from '@lydell/node-pty'
import type { Terminal as Emulator } from '@xterm/headless'
import { type TestContext, onTestFinished } from 'vitest'
import { KV, environment, shellScript } from './kv.ts'
import { tempDir } from './temp-dir.ts'

/** How long a screen may take to show what a test waits for, in milliseconds. */
const DEADLINE_MS = 20_000

/** Settings of a terminal. */
export interface TerminalOptions {
  columns?: number
  rows?: number
  env?: Readonly<Record<string, string>>
  store?: string
}

/**
 * Runs a program and stays in the terminal until it is told to go: node-pty closes its end 200 ms
 * after a program has ended, and on a busy machine loses what it has not read by then.
 */
const KEEPER = String.raw`trap : INT; "$@"; printf '\036%d\036' $?; read -r go`

const pty = await import('@lydell/node-pty').catch((error: unknown) => error as Error)
const xterm = await import('@xterm/headless').then((module) =>
  'default' in module ? (module.default as typeof module) : module,
)

/** Skips the test, or fails it in CI, where no pseudo-terminal can be had. */
export function needTerminal({ skip }: Pick<TestContext, 'skip'>): void {
  if (!(pty instanceof Error)) return
  const message = `no pseudo-terminal: ${pty.message}`
  if (process.env['CI']) throw new Error(message)
  console.warn(message)
  skip(message)
}

/** kv in a pseudo-terminal, with an emulator that keeps the screen. */
export class Terminal {
  /** Every byte that arrived, before any emulation. */
  raw = ''
  /**
   * Settles when the program has ended and all of its output is on the screen; a signal counts as 128 and its number.
   */
  readonly ended: Promise<{ code: number }>
  readonly #pty: IPty
  readonly #emulator: Emulator
  readonly #seen: string[] = []
  #wake: (() => void)[] = []
  #over = false

  constructor(file: string, args: readonly string[], { columns = 80, rows = 24, env = {}, store }: TerminalOptions) {
    if (pty instanceof Error) throw pty
    this.#emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 10_000, allowProposedApi: true })
    const variables = environment({
      TERM: 'xterm-256color',
      ...(store === undefined ? {} : { KV_STORE: store }),
      ...env,
    })
    this.#pty = pty.spawn('sh', ['-c', KEEPER, 'sh', file, ...args], {
      name: variables['TERM']!,
      cols: columns,
      rows,
      env: variables,
      cwd: tempDir(),
    })
    this.ended = new Promise((resolve) => {
      // From the keeper's mark on nothing is output of the program.
      let mark = ''
      this.#pty.onData((data) => {
        const text = mark + data
        const at = text.includes('\u001e') ? text.indexOf('\u001e') : text.length
        const output = text.slice(0, at)
        mark = text.slice(at)
        this.raw += output
        const code = /^\u001e(\d+)\u001e/.exec(mark)?.[1]
        this.#emulator.write(output, () => {
          if (code !== undefined) this.#over = true
          this.#seen.push(this.screen())
          this.#notify()
          if (code === undefined) return
          this.#pty.kill('SIGKILL')
          resolve({ code: Number(code) })
        })
      })
    })
    onTestFinished(() => {
      if (!this.#over) this.#pty.kill('SIGKILL')
    })
  }

  /** The text on the screen and above it, without blanks at the ends of lines and empty lines at the end. */
  screen(): string {
    const { active } = this.#emulator.buffer
    const lines: string[] = []
    for (let row = 0; row < active.length; row++) lines.push(active.getLine(row)!.translateToString(true))
    return lines.join('\n').trimEnd()
  }

  /** Types. */
  send(text: string): void {
    this.#pty.write(text)
  }

  /**
   * Settles once the screen shows, or has shown, a match; fails when the program ends or takes too long before that.
   */
  async waitFor(pattern: RegExp): Promise<void> {
    const failed = (why: string): Error =>
      new Error(`${why} before ${String(pattern)} was seen; the screen:\n${this.screen()}`)
    let late = false
    const deadline = setTimeout(() => {
      late = true
      this.#notify()
    }, DEADLINE_MS)
    try {
      for (let next = 0; ;) {
        for (; next < this.#seen.length; next++) if (pattern.test(this.#seen[next]!)) return
        if (this.#over) throw failed('it ended')
        if (late) throw failed(`${DEADLINE_MS} ms went by`)
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Starts kv in a terminal. */
export function terminal(args: readonly string[], options: TerminalOptions = {}): Terminal {
  const [file, ...first] = KV
  return new Terminal(file, [...first, ...args], options)
}

/** Runs a shell script in a terminal; `kv` is the program under test. */
export function terminalShell(script: string, options: TerminalOptions = {}): Terminal {
  return new Terminal('sh', ['-c', shellScript(script)], options)
}
