import { isUtf8 } from 'node:buffer'
import { type KvError, usageError } from '../../errors.ts'
import { type CommandLine, lexLine, unfinished } from './lexer.ts'

/** Bytes that one command may have, and so be waited for. */
const MAX_COMMAND_BYTES = 256_000_000

/** Bytes of a script as they come; `undefined` at its end. */
export type Bytes = () => Promise<Uint8Array | undefined>

/** Reads a script command by command, and no further than the one that is asked for has come. */
export class ScriptReader {
  readonly #name: string
  readonly #bytes: Bytes
  /** Whole lines, and where the next command begins in them. */
  #text = ''
  #at = 0
  #line = 1
  #next = 1
  /** Bytes after the last whole line. */
  #rest: Uint8Array[] = []
  #restBytes = 0
  /** What is wrong with the line after the text, and the bytes after that line. */
  #bad: { readonly error: KvError; readonly after: Uint8Array } | undefined
  #ended = false
  #begun = false

  /** @param name as messages name the script */
  constructor(name: string, bytes: Bytes) {
    this.#name = name
    this.#bytes = bytes
  }

  /** A reader of a text that is there as a whole. */
  static of(name: string, text: string): ScriptReader {
    const reader = new ScriptReader(name, async () => undefined)
    reader.#text = text
    reader.#ended = true
    return reader
  }

  /** Whether it is known that no command is left. */
  get atEnd(): boolean {
    return this.#ended && this.#bad === undefined && this.#text.slice(this.#at).trim() === ''
  }

  /** Number of the line that the command returned or refused last began on, from 1. */
  get line(): number {
    return this.#line
  }

  /**
   * The next command, `undefined` at the end. Throws `KV_USAGE` for one that cannot be read; the one after it can be
   * asked for.
   */
  async next(): Promise<CommandLine | undefined> {
    for (let open: string | undefined; ; await this.#more(open)) {
      open = undefined
      this.#line = this.#next
      if (this.#at < this.#text.length) {
        const command = this.#lex()
        const more = !this.#ended && this.#bad === undefined
        // The loop of the lexer has met the end of the text, and so perhaps not that of the command.
        if (command.open === undefined && (this.#at + command.source.length < this.#text.length || !more)) {
          this.#skip(command.next)
          return command
        }
        if (!more) {
          this.#skip(this.#text.length)
          throw this.#bad === undefined ? unfinished(command.open!) : this.#takeBad()
        }
        open = command.open
      } else if (this.#bad !== undefined) throw this.#takeBad()
      else if (this.#ended) return undefined
    }
  }

  #lex(): CommandLine {
    try {
      return lexLine(this.#text, this.#at, this.#line)
    } catch (error) {
      // Where a line that cannot be read ends is not known; the next one is the best guess.
      this.#skip(this.#text.indexOf('\n', this.#at) + 1 || this.#text.length)
      throw error
    }
  }

  #skip(to: number): void {
    for (let at = this.#at; (at = this.#text.indexOf('\n', at) + 1) > 0 && at <= to;) this.#next++
    this.#at = to
  }

  #takeBad(): KvError {
    const { error, after } = this.#bad!
    this.#bad = undefined
    this.#next++
    this.#decode(after)
    return error
  }

  /** Waits for more lines; within an open quote for those with the character that ends it. */
  async #more(open: string | undefined): Promise<void> {
    try {
      await this.#read(open)
    } catch (error) {
      this.#ended = true
      this.#text = ''
      this.#at = 0
      this.#rest = []
      throw error
    }
  }

  async #read(open: string | undefined): Promise<void> {
    const from = this.#text.length - this.#at
    for (let bytes: Uint8Array | undefined; (bytes = await this.#bytes()) !== undefined;) {
      this.#restBytes += bytes.length
      if (this.#restBytes + this.#text.length - this.#at > MAX_COMMAND_BYTES)
        throw usageError(`a command of ${this.#name} is longer than ${MAX_COMMAND_BYTES / 1e6} MB`)
      const end = bytes.lastIndexOf(0x0a) + 1
      this.#rest.push(end > 0 ? bytes.subarray(0, end) : bytes)
      if (end === 0) continue
      const lines = Buffer.concat(this.#rest)
      this.#rest = end < bytes.length ? [bytes.subarray(end)] : []
      this.#restBytes = bytes.length - end
      this.#decode(lines)
      if (
        this.#bad !== undefined ||
        open === undefined ||
        open === '\\' ||
        open === '(' ||
        this.#text.indexOf(open, this.#at + from) >= 0
      )
        return
    }
    this.#ended = true
    const last = Buffer.concat(this.#rest)
    this.#rest = []
    this.#decode(last)
  }

  /** Adds lines to the text, up to the first that is no text. */
  #decode(lines: Uint8Array): void {
    let good = lines
    if (!isUtf8(lines) || lines.includes(0)) {
      let from = 0
      let to: number
      for (;;) {
        to = lines.indexOf(0x0a, from) + 1 || lines.length
        const line = lines.subarray(from, to)
        if (!isUtf8(line) || line.includes(0)) break
        from = to
      }
      good = lines.subarray(0, from)
      this.#bad = { error: this.#refusal(lines.subarray(from, to), good), after: lines.subarray(to) }
    }
    let text = Buffer.from(good.buffer, good.byteOffset, good.length).toString()
    if (!this.#begun) text = text.replace(/^\ufeff/, '')
    if (lines.length > 0) this.#begun = true
    this.#text = this.#text.slice(this.#at) + text
    this.#at = 0
  }

  #refusal(line: Uint8Array, before: Uint8Array): KvError {
    const number =
      this.#next + this.#text.slice(this.#at).split('\n').length - 1 + before.filter((byte) => byte === 0x0a).length
    const zero = isUtf8(line)
    const column = [...Buffer.from(line.subarray(0, zero ? line.indexOf(0) : firstBroken(line))).toString()].length + 1
    const where = `${this.#name}:${number}`
    return zero
      ? usageError(
          `${where}: a NUL byte at column ${column}`,
          String.raw`a script is UTF-8 text; within "..." a NUL is written \0`,
        )
      : usageError(
          `${where}: invalid UTF-8 at column ${column}`,
          'a script is UTF-8 text; other bytes are written in hex, with --key-encoding hex or --value-encoding hex',
        )
  }
}

/** Index of the first byte that is no UTF-8. */
function firstBroken(line: Uint8Array): number {
  const again = Buffer.from(Buffer.from(line).toString())
  return line.findIndex((byte, i) => byte !== again[i])
}
