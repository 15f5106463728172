import { isUtf8 } from 'node:buffer'
import { usageError } from '../../errors.ts'
import type { Open } from './shell-part.ts'

/** One word of a command line. */
export interface Word {
  /** What it stands for, quotes and escapes taken away. */
  readonly text: string
  /** Whether it begins with an unquoted `~` that stands for the home folder, see `expandHome`. */
  readonly home: boolean
  /** Where it begins in the source, an index of the string. */
  readonly start: number
  readonly end: number
}

const NAMED = new Map(
  Object.entries({
    n: '\n',
    t: '\t',
    r: '\r',
    e: '\u001b',
    E: '\u001b',
    a: '\u0007',
    b: '\b',
    f: '\f',
    v: '\v',
    0: '\0',
  }),
)

/** Reads the words of a line, with their quotes and escapes. */
export class WordReader {
  readonly #source: string
  /** Index of the character that is read. */
  at: number
  /** What the source ends within. */
  open: Open | undefined
  /** Where the word begins that is read. */
  start = 0
  #parts: (string | number)[] | undefined

  constructor(source: string, at: number) {
    this.#source = source
    this.at = at
  }

  /** Whether a word has begun. */
  get inWord(): boolean {
    return this.#parts !== undefined
  }

  /** The digits that are the word so far, and that stand there without quotes: before `<` or `>` they are no word. */
  takeNumber(): string {
    const number = this.inWord ? /^\d+$/.exec(this.#source.slice(this.start, this.at))?.[0] : undefined
    if (number !== undefined) this.#parts = undefined
    return number ?? ''
  }

  /** Ends the word; `undefined` when none has begun. Throws `KV_USAGE` for bytes that are no text. */
  take(): string | undefined {
    const parts = this.#parts
    this.#parts = undefined
    return parts === undefined ? undefined : join(parts)
  }

  /**
   * Takes the character at {@link at} into the word; leaves `at` on the last one taken. Throws `KV_USAGE` for what
   * only a shell could do.
   */
  char(char: string): void {
    if (char === "'") return this.#single()
    if (char === '"') return this.#escaped('"')
    if (char === '$') {
      if (this.#source[this.at + 1] !== "'") this.#refuseVariable()
      else {
        this.#pieces()
        this.at++
        return this.#escaped("'")
      }
    }
    if (char === '\\') return this.#backslash()
    if (char === ';' || char === '&' || char === '`') {
      const operator = char !== '`' && this.#source[this.at + 1] === char ? char + char : char
      throw usageError(
        `${operator} means something to a shell but not here`,
        `to use it as text, quote it: '${operator}'; a session runs one command a line`,
      )
    }
    this.#pieces().push(char)
  }

  #refuseVariable(): void {
    if (!/[A-Za-z0-9_({?!$@*#]/.test(this.#source[this.at + 1] ?? '')) return
    throw usageError(
      `variables and $(...) are not known here: ${/^\$[({]?\w*/.exec(this.#source.slice(this.at))![0]}`,
      "to use $ as text, write it in single quotes: '$'",
    )
  }

  #backslash(): void {
    const next = this.#source[this.at + 1]
    if (next === undefined) {
      this.#pieces()
      this.open = '\\'
    } else if (next === '\n' || (next === '\r' && this.#source[this.at + 2] === '\n')) {
      // A line goes on after a backslash, as in a shell.
      this.at += next === '\n' ? 1 : 2
    } else {
      this.#pieces().push(next)
      this.at++
    }
  }

  #single(): void {
    const end = this.#source.indexOf("'", this.at + 1)
    this.#pieces().push(this.#source.slice(this.at + 1, end < 0 ? undefined : end))
    if (end < 0) this.open = "'"
    this.at = end < 0 ? this.#source.length : end
  }

  /** The inside of a quote with escapes, from the quote's character on. */
  #escaped(quote: '"' | "'"): void {
    const pieces = this.#pieces()
    for (this.at++; this.at < this.#source.length; this.at++) {
      const char = this.#source[this.at]!
      if (char === quote) return
      if (char === '\\') this.#escape(pieces, quote)
      else {
        if (quote === '"' && char === '$') this.#refuseVariable()
        if (quote === '"' && char === '`')
          throw usageError(
            '` means something to a shell but not here',
            "to use it as text, write it in single quotes: '`'",
          )
        pieces.push(char)
      }
    }
    this.open = quote
  }

  #escape(pieces: (string | number)[], quote: '"' | "'"): void {
    const rest = this.#source.slice(this.at + 1, this.at + 12)
    const hex = /^x([0-9a-fA-F]{2})/.exec(rest)
    const point = /^u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/.exec(rest)
    // As bash writes a byte: ${NAME@Q} and printf %q.
    const octal = quote === "'" ? /^[0-3][0-7]{2}/.exec(rest) : null
    const next = rest[0]
    if (hex) {
      pieces.push(Number.parseInt(hex[1]!, 16))
      this.at += 3
    } else if (point) {
      const code = Number.parseInt(point[1] ?? point[2]!, 16)
      if (code > 0x10ffff) throw usageError(`not a character: \\${point[0]}`)
      pieces.push(String.fromCodePoint(code))
      this.at += point[0].length
    } else if (octal) {
      pieces.push(Number.parseInt(octal[0], 8))
      this.at += 3
    } else if (next === 'x' || next === 'u') {
      if (rest.length < 4 && this.at + 1 + rest.length >= this.#source.length)
        return void (this.at = this.#source.length)
      throw usageError(`not an escape: \\${rest.slice(0, 3)}`, String.raw`write \xNN, \uNNNN or \u{N}`)
    } else if (next === undefined) {
      this.at = this.#source.length
    } else {
      if (next !== '\n') pieces.push(NAMED.get(next) ?? (/["'\\$`]/.test(next) ? next : `\\${next}`))
      this.at++
    }
  }

  #pieces(): (string | number)[] {
    if (this.#parts === undefined) {
      this.#parts = []
      this.start = this.at
    }
    return this.#parts
  }
}

/** Text of pieces, of which numbers are single bytes. */
function join(pieces: readonly (string | number)[]): string {
  // Halves of a surrogate pair are pieces of their own, so text is put together before it is encoded.
  const parts: Uint8Array[] = []
  let text = ''
  for (const piece of [...pieces, '']) {
    if (typeof piece === 'string') text += piece
    else {
      parts.push(Buffer.from(text), Buffer.of(piece))
      text = ''
    }
  }
  if (!text.isWellFormed())
    throw usageError('half a surrogate pair is no character', String.raw`write the character, or \u{N}`)
  if (parts.length === 0) return text
  const bytes = Buffer.concat([...parts, Buffer.from(text)])
  if (!isUtf8(bytes))
    throw usageError(
      String.raw`the bytes of \xNN are not UTF-8 here`,
      'write the word in hex, with --key-encoding hex or --value-encoding hex',
    )
  return bytes.toString()
}
