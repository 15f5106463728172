import { spawnSync } from 'node:child_process'
import { pause } from '../async.ts'
import { type Terminal, processTerminal } from '../io.ts'
import { type Key, KeyDecoder } from './key-decoder.ts'

/**
 * A key, or something else that happens to the terminal: `resize`, `wake`, and `closed`, after which nothing comes
 * any more.
 */
export type TerminalEvent = Key | { readonly type: 'resize' | 'wake' | 'closed' }

const PASTE_ON = '\u001b[?2004h'
const PASTE_OFF = '\u001b[?2004l'
/** A sequence that begins with Escape comes in one piece, or within this time, in milliseconds. */
const ESCAPE_MS = 100
/** Keys typed behind work that takes no longer than this, in milliseconds, wait for it. */
const PATIENCE_MS = 300
/** A process that was to stop and does not within this time, in milliseconds, goes on: no shell is there to wake it. */
const STOP_MS = 50

/**
 * The terminal as a queue of keys, which also takes those typed while a command runs; Ctrl-C is handled at once then,
 * and drops what was typed before it. While another program has the terminal ({@link release}) nothing is read.
 */
export class KeyReader {
  readonly #input: NodeJS.ReadStream
  readonly #output: NodeJS.WriteStream
  readonly #onInterrupt: () => boolean
  readonly #onEnd: () => boolean
  readonly #decoder = new KeyDecoder()
  readonly #queue: TerminalEvent[] = []
  #heedsInterrupt = true
  #waiting: ((event: TerminalEvent) => void) | undefined
  #escapeTimer: NodeJS.Timeout | undefined
  /** Pieces of input so far. */
  #heard = 0
  #released = 1
  #isClosed = false
  #look: (() => void) | undefined
  #isMoved = false

  /**
   * @param onInterrupt is told of Ctrl-C while no key is waited for; true when something was stopped by it
   * @param onEnd the same for Ctrl-D
   */
  constructor({ input, output }: Terminal, onInterrupt: () => boolean, onEnd = (): boolean => false) {
    this.#input = input
    this.#output = output
    this.#onInterrupt = onInterrupt
    this.#onEnd = onEnd
    // A session that was killed may have left the terminal raw, and Node would go back to that.
    const sane = ['icanon', 'echo', 'isig', 'iexten', 'icrnl', 'opost', 'onlcr']
    spawnSync('stty', sane, { stdio: [0, 'ignore', 'ignore'] })
    input.on('data', this.#onData).on('end', this.#onClosed).on('error', this.#onClosed)
    output.on('error', this.#onClosed).on('resize', this.#onResize)
    process.on('SIGCONT', this.#onContinued).on('SIGINT', this.#onSignal)
    this.reclaim()
    this.#isMoved = false
  }

  get columns(): number {
    return this.#output.columns || 80
  }

  get rows(): number {
    return this.#output.rows || 24
  }

  /** Draws; controls the terminal. */
  write(text: string): void {
    this.#output.write(text)
  }

  /** The next key or event, as soon as there is one. */
  next(): Promise<TerminalEvent> {
    const event = this.#queue.shift() ?? (this.#isClosed ? CLOSED : undefined)
    if (event !== undefined) return Promise.resolve(event)
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  /** Whether the next one is there already. */
  get hasNext(): boolean {
    return this.#queue.length > 0 || this.#isClosed
  }

  /** Whether something else may have left the cursor within a line since this was asked last. */
  takeMoved(): boolean {
    const moved = this.#isMoved
    this.#isMoved = false
    return moved
  }

  /** Says that something else has written on the screen. */
  moved(): void {
    this.#isMoved = true
  }

  /** Whether Ctrl-C was typed ahead; it is taken out, with everything before it. */
  takeInterrupt(): boolean {
    const at = this.#queue.findLastIndex(isInterrupt)
    this.#queue.splice(0, at + 1)
    return at >= 0
  }

  /**
   * Settles with the work, or with `undefined` once the user types something rather than wait: Ctrl-C at once, any
   * other key when the work has had some time. Nothing that was typed is taken.
   */
  async unlessTyped<T>(work: Promise<T>): Promise<T | undefined> {
    let timer: NodeJS.Timeout | undefined
    const typed = new Promise<undefined>((resolve) => {
      let isLate = false
      this.#look = (): void => {
        if (this.#isClosed || this.#queue.some(isInterrupt) || (isLate && this.hasNext)) resolve(undefined)
      }
      timer = setTimeout(() => {
        isLate = true
        this.#look?.()
      }, PATIENCE_MS)
      this.#look()
    })
    try {
      return await Promise.race([work, typed])
    } finally {
      clearTimeout(timer)
      this.#look = undefined
    }
  }

  /** Forgets what was typed ahead from the first such event on. */
  dropFrom(isFirst: (event: TerminalEvent) => boolean): void {
    const at = this.#queue.findIndex(isFirst)
    if (at >= 0) this.#queue.splice(at)
  }

  /** Puts in a `wake`, for who waits for something else besides keys. */
  wake(): void {
    if (this.#waiting !== undefined) this.#push({ type: 'wake' })
  }

  /**
   * Lets something else have the terminal, in the state the session found it; until {@link reclaim} as often.
   * @param heedsInterrupt false where Ctrl-C is that other program's own key
   */
  release({ heedsInterrupt = true } = {}): void {
    if (this.#released++ > 0) return
    clearTimeout(this.#escapeTimer)
    this.#decoder.reset()
    this.#heedsInterrupt = heedsInterrupt
    process.on('SIGQUIT', ignore)
    this.#input.setRawMode(false).pause()
    this.write(PASTE_OFF)
  }

  /** Takes the terminal back. */
  reclaim(): void {
    if (--this.#released > 0) return
    this.#input.setRawMode(true)
    // What that program was sent meanwhile, and is still to be told here, was not for the session.
    process.off('SIGQUIT', ignore).off('SIGINT', this.#onSignal).on('SIGINT', this.#onSignal)
    this.#input.resume()
    this.write(PASTE_ON)
    this.#isMoved = true
  }

  /** Runs a step that reads keys, though another program was to have the terminal, which gets it after that. */
  async borrowed<T>(step: (keys: this) => Promise<T>): Promise<T> {
    const released = this.#released
    for (let i = 0; i < released; i++) this.reclaim()
    try {
      return await step(this)
    } finally {
      for (let i = 0; i < released; i++) this.release()
    }
  }

  /** Stops the process as Ctrl-Z does in a shell; settles when it goes on, at once where no shell would wake it. */
  async suspend(): Promise<void> {
    this.release()
    const continued = new AbortController()
    const goOn = (): void => continued.abort()
    process.on('SIGCONT', goOn)
    // The kernel drops the signal where nobody could send the one that undoes it. A process that is stopped runs no
    // timer.
    const stopped = pause(STOP_MS, continued.signal)
    process.kill(process.pid, 'SIGTSTP')
    await stopped
    process.off('SIGCONT', goOn)
    this.reclaim()
  }

  /** Gives the terminal back for good; who waits for a key learns that none comes. */
  close(): void {
    this.release()
    this.#onClosed()
    process.off('SIGINT', this.#onSignal).off('SIGQUIT', ignore).off('SIGCONT', this.#onContinued)
    // Its errors are still to be heard: a terminal that is gone is no reason to fail.
    this.#input.off('data', this.#onData).off('end', this.#onClosed)
    this.#output.off('resize', this.#onResize)
  }

  readonly #onClosed = (): void => {
    this.#isClosed = true
    this.#push(CLOSED)
  }

  /** Ctrl-C where the terminal makes a signal of it, and whoever else sends one. */
  readonly #onSignal = (): void => {
    if (this.#released === 0) this.#take(CTRL_C)
    else if (this.#heedsInterrupt) this.#onInterrupt()
  }

  readonly #onResize = (): void => {
    if (this.#waiting !== undefined) this.#push({ type: 'resize' })
  }

  /** After a stop from outside, or one that came late: the shell had the terminal and set it to its own liking. */
  readonly #onContinued = (): void => {
    if (this.#released > 0) return
    this.#input.setRawMode(false).setRawMode(true)
    this.write(PASTE_ON)
    this.#onResize()
  }

  readonly #onData = (bytes: Uint8Array): void => {
    if (this.#released > 0) return
    clearTimeout(this.#escapeTimer)
    for (const key of this.#decoder.write(bytes)) this.#take(key)
    const heard = ++this.#heard
    if (!this.#decoder.waits) return
    // What came while the process was busy is read before it is concluded that nothing came.
    this.#escapeTimer = setTimeout(() => setImmediate(() => this.#flush(heard)), ESCAPE_MS)
  }

  #flush(heard: number): void {
    if (heard === this.#heard && this.#released === 0) for (const key of this.#decoder.flush()) this.#take(key)
  }

  #take(key: Key): void {
    const stops =
      this.#waiting === undefined && ((isInterrupt(key) && this.#onInterrupt()) || (isEnd(key) && this.#onEnd()))
    if (stops) this.#queue.length = 0
    else this.#push(key)
  }

  #push(event: TerminalEvent): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#queue.push(event)
    else waiting(event)
    this.#look?.()
  }
}

const CLOSED: TerminalEvent = { type: 'closed' }

const CTRL_C: Key = { type: 'key', name: 'c', text: '', ctrl: true, meta: false, shift: false }

const ignore = (): void => {}

function isInterrupt(event: TerminalEvent): boolean {
  return event.type === 'key' && event.ctrl && event.name === 'c'
}

function isEnd(event: TerminalEvent): boolean {
  return event.type === 'key' && event.ctrl && event.name === 'd'
}

/** Runs a step with a keyboard of its own, for a program that reads no keys before and after it. */
export async function withKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T> {
  const keys = new KeyReader(processTerminal(), () => false)
  try {
    return await step(keys)
  } finally {
    keys.close()
  }
}
