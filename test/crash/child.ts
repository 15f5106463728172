import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type TestContext, onTestFinished } from 'vitest'
import { BUILT, LIBRARY } from './library.mjs'

/** Skips the test, or fails it in CI, where the library has not been built. */
export function needLibrary({ skip }: Pick<TestContext, 'skip'>): void {
  if (BUILT) return
  const message = `${LIBRARY} is missing: run npm run build first`
  if (process.env['CI']) throw new Error(message)
  console.warn(message)
  skip(message)
}

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

/** A process running one of the `.mjs` files here. */
export class Child {
  /** The lines it has written to stdout so far. */
  readonly lines: string[] = []
  readonly ended: Promise<End>
  readonly #process: ChildProcess
  #wake: (() => void)[] = []
  #over = false

  constructor(file: string, args: readonly string[]) {
    this.#process = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let stderr = ''
    this.#process.stderr!.on('data', (data) => (stderr += String(data)))
    this.#process.stdin!.on('error', () => {})
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.lines.push(line)
      this.#notify()
    })
    this.ended = new Promise((resolve) => {
      this.#process.on('close', (code, signal) => {
        this.#over = true
        this.#notify()
        resolve({ code, signal, stderr })
      })
    })
    onTestFinished(async () => {
      this.kill('SIGKILL')
      await this.ended
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** Settles once it has written so many lines; rejects when it ends before. */
  async until(count: number): Promise<void> {
    while (this.lines.length < count) {
      if (this.#over)
        throw new Error(`ended after ${this.lines.length} of ${count} lines: ${(await this.ended).stderr}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  say(line: string): void {
    this.#process.stdin!.write(`${line}\n`)
  }

  /** Ends its input. */
  endInput(): void {
    this.#process.stdin!.end()
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

/** Keeps this process busy for a random part of `ms`: shorter and finer than a timer could. */
export function spin(ms: number): void {
  const end = performance.now() + Math.random() * ms
  while (performance.now() < end);
}
