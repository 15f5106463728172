import type { Context } from '../cli/context.ts'
import { processTerminal } from '../io.ts'
import { escapeLine } from '../safe-text.ts'
import { type TypedText, decodeTyped, refusal } from '../terminal/typed-text.ts'
import { DOT_COMMANDS } from './session/dot-commands.ts'
import { evaluate, prompt, unfinished } from './session/evaluate.ts'
import { History, historyFile } from './prompt/history.ts'
import { lineEnded, noKeyboard, noSource } from './streams/streams.ts'
import { Session } from './session/session.ts'

/**
 * A session on a terminal that can do nothing but show lines (`TERM=dumb`): the terminal itself
 * edits the line, and nothing is drawn. Resolves to the exit code.
 */
export async function runDumbTerminal(ctx: Context): Promise<number> {
  const { io } = ctx
  const { output } = processTerminal()
  const lines = new Lines(() => {
    // The terminal has shown it as ^C.
    output.write('\n')
    return session.foreground.stop()
  })
  const session: Session = new Session(
    ctx,
    {
      stdin: noSource(
        'a value cannot be typed on a terminal without abilities (TERM=dumb)',
        'give it in the line, or in a file: put KEY --file FILE',
      ),
      sharesStdin: true,
      allowsEndless: () => true,
      stdout: () => lineEnded(io.stdout),
      withTerminal: (step) => lines.apart(step),
      atKeyboard: noKeyboard,
    },
    DOT_COMMANDS,
  )
  ctx.handleSignals(['SIGTERM', 'SIGHUP'])
  ctx.signal.addEventListener('abort', () => {
    void session.stop().finally(() => ctx.endBySignal())
  })
  const history = new History(historyFile(io.env))
  try {
    await session.start()
    if (!ctx.globals.quiet)
      output.write(`kv: ${escapeLine(session.globals.store)}  (.help for help, Ctrl-D to leave)\n`)
    let text = ''
    while (!session.ended) {
      output.write(text === '' ? prompt(session) : '... ')
      const line = await lines.next()
      if (line === 'end') break
      if (line === 'interrupt') {
        text = ''
        continue
      }
      text += line.text
      const wrong = refusal(text)
      if (wrong === undefined && unfinished(text)) {
        text += '\n'
        continue
      }
      if (wrong === undefined) await evaluate(session, history, text)
      else session.lastExit = session.report(wrong)
      text = ''
    }
  } finally {
    lines.close()
    await session.close()
  }
  return 0
}

type Line = { readonly text: TypedText } | 'interrupt' | 'end'

const ignore = (): void => {}

/** Lines of the terminal, as it edits them itself. */
class Lines {
  readonly #interrupted: () => boolean
  readonly #queue: Line[] = []
  #waiting: ((line: Line) => void) | undefined
  /** Bytes of a line that has not ended yet. */
  #rest = Buffer.alloc(0)

  /** @param interrupted is told of Ctrl-C; true when something was stopped by it */
  constructor(interrupted: () => boolean) {
    this.#interrupted = interrupted
    process.on('SIGINT', this.#onInterrupt)
    this.#open()
  }

  next(): Promise<Line> {
    const line = this.#queue.shift()
    if (line !== undefined) return Promise.resolve(line)
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  /** Runs a step that reads the terminal by itself. */
  async apart<T>(step: () => Promise<T>): Promise<T> {
    this.#shut()
    // Ctrl-\ is that program's alone.
    process.on('SIGQUIT', ignore)
    try {
      return await step()
    } finally {
      process.off('SIGQUIT', ignore)
      this.#open()
    }
  }

  close(): void {
    this.#shut()
    process.off('SIGINT', this.#onInterrupt)
  }

  #open(): void {
    processTerminal().input.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onEnd).resume()
  }

  #shut(): void {
    processTerminal().input.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onEnd).pause()
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (let end: number; (end = this.#rest.indexOf(0x0a)) >= 0; this.#rest = this.#rest.subarray(end + 1))
      this.#push({ text: decodeTyped(this.#rest.subarray(0, end)) })
  }

  readonly #onEnd = (): void => this.#push('end')

  readonly #onInterrupt = (): void => {
    if (!this.#interrupted()) this.#push('interrupt')
  }

  #push(line: Line): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#queue.push(line)
    else waiting(line)
  }
}
