import { type IPty, spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFailed, onTestFinished } from 'vitest'

/** The built command line. */
export const KV = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'kv.cjs')

/** What a test starts in a terminal. */
export interface ScreenOptions {
  readonly home: string
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
  /** A program instead of kv. */
  readonly file?: string
}

/** A program in a pseudo-terminal, and what a person sees there. */
export class Screen {
  readonly #pty: IPty
  readonly #terminal: InstanceType<typeof xterm.Terminal>
  readonly #listeners = new Set<() => void>()
  #wanted: string | undefined
  #isOpen = true
  /** Every byte the program sent. */
  raw = ''
  /** Its exit code once it has ended. */
  exitCode: number | undefined

  constructor(
    args: readonly string[],
    { home, columns = 100, rows = 30, env = {}, file = process.execPath }: ScreenOptions,
  ) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true })
    this.#pty = spawn(file, file === process.execPath ? [KV, ...args] : [...args], {
      cols: columns,
      rows,
      cwd: home,
      env: { PATH: process.env['PATH']!, HOME: home, TERM: 'xterm-256color', PAGER: 'cat', ...env },
    })
    onTestFailed(() => {
      if (this.#wanted !== undefined) console.error(`not seen: ${this.#wanted}\n${this.lines.slice(-40).join('\n')}`)
    })
    onTestFinished(() => this[Symbol.dispose]())
    this.#pty.onData((data) => {
      this.raw += data
      this.#changed()
      this.#terminal.write(data, () => this.#changed())
    })
    this.#pty.onExit(({ exitCode }) => {
      this.exitCode = exitCode
      this.#changed()
    })
  }

  get pid(): number {
    return this.#pty.pid
  }

  /** Types; `\r` is Enter. */
  type(text: string): void {
    this.#pty.write(text)
  }

  /** Types bytes as they are. */
  typeBytes(bytes: Buffer): void {
    this.#pty.write(bytes as unknown as string)
  }

  /** Pastes as a terminal with bracketed paste does. */
  paste(text: string): void {
    this.#pty.write(`\u001b[200~${text.replaceAll('\n', '\r')}\u001b[201~`)
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows)
    this.#pty.resize(columns, rows)
  }

  /**
   * Types Ctrl-C and settles when the prompt says 130 again; resolves to the milliseconds in which the program
   * answered.
   */
  async interrupt(): Promise<number> {
    const from = this.raw.length
    const began = performance.now()
    let answered: number | undefined
    this.type('\u0003')
    await this.until(() => {
      if (this.raw.indexOf('[130]', from) >= 0) answered ??= performance.now()
      return answered !== undefined && /\[130\]> ?$/.test(this.cursor.line)
    })
    return answered! - began
  }

  kill(signal: string): void {
    this.#pty.kill(signal)
  }

  /** Closes the terminal, as closing its window does. */
  hangUp(): void {
    ;(this.#pty as IPty & { destroy(): void }).destroy()
  }

  /** All lines, also those that scrolled away, without blanks at their ends. */
  get lines(): string[] {
    const { active } = this.#terminal.buffer
    const lines: string[] = []
    for (let y = 0; y < active.length; y++) lines.push(active.getLine(y)!.translateToString(true).trimEnd())
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  get text(): string {
    return this.lines.join('\n')
  }

  /** The line the cursor is in, and the column. */
  get cursor(): { line: string; column: number } {
    const { active } = this.#terminal.buffer
    return {
      line: active
        .getLine(active.baseY + active.cursorY)!
        .translateToString(true)
        .trimEnd(),
      column: active.cursorX,
    }
  }

  /** What is drawn left of the cursor. */
  get charBeforeCursor(): string {
    const { active } = this.#terminal.buffer
    const line = active.getLine(active.baseY + active.cursorY)!
    for (let x = active.cursorX - 1; x >= 0; x--) {
      const cell = line.getCell(x)!
      if (cell.getWidth() > 0) return cell.getChars()
    }
    return ''
  }

  /**
   * Settles as soon as what is seen satisfies the condition; a test that waits in vain ends with its own time limit,
   * and tells what was seen.
   */
  async until(condition: string | RegExp | (() => boolean)): Promise<void> {
    const holds = (): boolean =>
      typeof condition === 'function'
        ? condition()
        : typeof condition === 'string'
          ? this.text.includes(condition)
          : condition.test(this.text)
    if (holds()) return
    this.#wanted = String(condition)
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!holds()) return
        this.#listeners.delete(look)
        resolve()
      }
      this.#listeners.add(look)
    })
    this.#wanted = undefined
  }

  /** Types a line and waits for the prompt after it. */
  async run(line: string): Promise<void> {
    const before = this.prompts
    this.type(`${line}\r`)
    await this.until(() => this.prompts > before && />\s*$/.test(this.cursor.line))
  }

  /** Lines that begin with a prompt. */
  get prompts(): number {
    return this.lines.filter((line) => /^\S+( \[\d+\])?>/.test(line)).length
  }

  /** Ends the session with Ctrl-D. */
  async leave(): Promise<void> {
    this.type('\u0004')
    await this.until(() => this.exitCode !== undefined)
  }

  /** Ends it however it is. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.exitCode === undefined) this.#pty.kill('SIGKILL')
    this.#terminal.dispose()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
