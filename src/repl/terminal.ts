import { spawnSync } from 'node:child_process'
import { emitKeypressEvents } from 'node:readline'
import type { Terminal } from '../io.ts'

/** A key, or something else that happens to the terminal. */
export interface Key {
  /** As Node's `readline` names it, or `paste`, `resize`, `wake`, `end`. */
  readonly name: string
  /** The text it types, or that was pasted. */
  readonly text: string
  readonly ctrl: boolean
  readonly meta: boolean
  readonly shift: boolean
}

interface NodeKey {
  readonly name?: string
  readonly sequence?: string
  readonly ctrl?: boolean
  readonly meta?: boolean
  readonly shift?: boolean
}

const PASTE_ON = '\u001b[?2004h'
const PASTE_OFF = '\u001b[?2004l'

/**
 * The terminal as a queue of keys. Keys are taken in also while a command runs, so that none is
 * lost; of these only Ctrl-C is heard at once, and takes back what was typed before it. While something else has the terminal
 * ({@link release}) nothing is read, and SIGINT stands for Ctrl-C.
 */
export class KeyReader {
  readonly #input: NodeJS.ReadStream
  readonly #output: NodeJS.WriteStream
  readonly #onInterrupt: () => boolean
  readonly #queue: Key[] = []
  #waiting: ((key: Key) => void) | undefined
  #released = 1
  #pasted: string | undefined

  /** @param onInterrupt is told of Ctrl-C while no key is waited for; true when something was stopped by it */
  constructor({ input, output }: Terminal, onInterrupt: () => boolean) {
    this.#input = input
    this.#output = output
    this.#onInterrupt = onInterrupt
    // A session that was killed may have left the terminal raw, and Node would go back to that.
    spawnSync('stty', ['icanon', 'echo', 'isig', 'iexten', 'icrnl', 'opost', 'onlcr'], { stdio: [0, 'ignore', 'ignore'] })
    emitKeypressEvents(input)
    input.on('keypress', this.#onKey)
    input.on('end', this.#onEnd)
    input.on('error', this.#onEnd)
    output.on('resize', this.#onResize)
    this.reclaim()
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

  /** The next key, as soon as there is one. */
  next(): Promise<Key> {
    const key = this.#queue.shift()
    if (key !== undefined) return Promise.resolve(key)
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  /** Whether the next key is there already. */
  get hasNext(): boolean {
    return this.#queue.length > 0
  }

  /** Whether Ctrl-C was typed ahead; it is taken out, with everything before it. */
  takeInterrupt(): boolean {
    const at = this.#queue.findLastIndex(isInterrupt)
    this.#queue.splice(0, at + 1)
    return at >= 0
  }

  /** Puts in a key named `wake`, for who waits for something else besides keys. */
  wake(): void {
    if (this.#waiting !== undefined) this.#push(named('wake'))
  }

  /** Lets something else have the terminal, in the state the session found it; until {@link reclaim} as often. */
  release(): void {
    if (this.#released++ > 0) return
    this.write(PASTE_OFF)
    this.#input.setRawMode(false)
    this.#input.pause()
    process.on('SIGINT', this.#onInterrupt)
  }

  /** Takes the terminal back. */
  reclaim(): void {
    if (--this.#released > 0) return
    process.off('SIGINT', this.#onInterrupt)
    this.#input.setRawMode(true)
    this.#input.resume()
    this.write(PASTE_ON)
  }

  /** Stops the process as Ctrl-Z does in a shell; settles when it goes on. */
  async suspend(): Promise<void> {
    this.release()
    const resumed = new Promise((resolve) => process.once('SIGCONT', resolve))
    // Neither a signal nor input that is paused keeps Node from ending.
    const alive = setInterval(() => {}, 60_000)
    process.kill(process.pid, 'SIGTSTP')
    await resumed
    clearInterval(alive)
    this.reclaim()
  }

  /** Gives the terminal back for good. */
  close(): void {
    this.release()
    process.off('SIGINT', this.#onInterrupt)
    this.#input.off('keypress', this.#onKey).off('end', this.#onEnd).off('error', this.#onEnd)
    this.#output.off('resize', this.#onResize)
  }

  readonly #onEnd = (): void => this.#push(named('end'))

  readonly #onResize = (): void => {
    if (this.#waiting !== undefined) this.#push(named('resize'))
  }

  readonly #onKey = (char: string | undefined, key: NodeKey = {}): void => {
    if (this.#released > 0) return
    const sequence = key.sequence ?? char ?? ''
    if (key.name === 'paste-start') {
      this.#pasted = ''
    } else if (key.name === 'paste-end') {
      this.#push({ ...named('paste'), text: (this.#pasted ?? '').replaceAll(/\r\n?/g, '\n') })
      this.#pasted = undefined
    } else if (this.#pasted !== undefined) {
      this.#pasted += sequence
    } else if (isInterrupt(key) && this.#waiting === undefined && this.#onInterrupt()) {
      this.#queue.length = 0
    } else {
      const types = key.ctrl !== true && key.meta !== true && char !== undefined && !/^[\u0000-\u001f\u007f]/.test(char)
      this.#push({ name: key.name ?? (types ? '' : sequence), text: types ? char : '', ctrl: key.ctrl ?? false, meta: key.meta ?? false, shift: key.shift ?? false })
    }
  }

  #push(key: Key): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#queue.push(key)
    else waiting(key)
  }
}

function isInterrupt({ name, ctrl }: Pick<NodeKey, 'name' | 'ctrl'>): boolean {
  return ctrl === true && name === 'c'
}

function named(name: string): Key {
  return { name, text: '', ctrl: false, meta: false, shift: false }
}
