import { isUtf8 } from 'node:buffer'
import { type KvError, usageError } from '../errors.ts'

/** One word of a command line. */
export interface Word {
  /** What it stands for, quotes and escapes taken away. */
  readonly text: string
  /** Where it begins in the source, an index of the string. */
  readonly start: number
  readonly end: number
}

/** One command of a session or script. */
export interface CommandLine {
  readonly words: readonly Word[]
  /** What the user's shell gets, from an unquoted `|` or `>` on: `| jq .`. */
  readonly shell: string | undefined
  /** The file of `< FILE`. */
  readonly input: string | undefined
  /** Number of the source's line it begins on, from 1. */
  readonly line: number
  readonly source: string
  /** Where the next command begins in the source. */
  readonly next: number
  /** The quote or backslash that the source ends within: more must follow. */
  readonly open: '"' | "'" | '\\' | undefined
}

const NAMED: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', e: '\u001b', a: '\u0007', b: '\b', f: '\f', v: '\v', '0': '\0' }

/** What a shell would act on and a session does not: refused, since to take it as text would be wrong. */
const SHELL_ONLY = /[;&`]/

/**
 * Splits a command line into words as a POSIX shell does (single quotes are literal, a backslash
 * makes the next character literal, `#` begins a comment), with these differences: `"..."` and
 * `$'...'` know `\n \t \r \e \0 \xNN \u{N}`, and what only a shell can do (variables, `;`, `&`,
 * command substitution) is refused. Reads one command, from `from` up to the end of its line.
 * @param firstLine the number of that line
 * Throws `KV_USAGE`.
 */
export function lexLine(source: string, from = 0, firstLine = 1): CommandLine {
  const lexer = new Lexer(source, from)
  return lexer.command(firstLine)
}

/** The error of a source that ends within a quote or after a backslash. */
export function unfinished(open: NonNullable<CommandLine['open']>): KvError {
  return usageError(open === '\\' ? 'the line ends with a backslash and nothing follows' : `the quote ${open} is not closed`)
}

class Lexer {
  readonly #source: string
  readonly #words: Word[] = []
  readonly #from: number
  #at: number
  #pieces: (string | number)[] | undefined
  #wordStart = 0
  #open: CommandLine['open']
  #inputNext = false
  #input: string | undefined

  constructor(source: string, from: number) {
    this.#source = source
    this.#from = this.#at = from
  }

  command(line: number): CommandLine {
    let shell: string | undefined
    for (; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at]!
      if (char === '\n') break
      if (char === ' ' || char === '\t' || char === '\r') this.#endWord()
      else if (char === '#' && this.#pieces === undefined) this.#skipLine()
      else if (char === '<') this.#inputRedirect()
      else if (char === '|' || char === '>') shell = this.#rest()
      else this.#wordChar(char)
      if (this.#source[this.#at] === '\n' && this.#open === undefined && (char === '#' || shell !== undefined)) break
    }
    this.#endWord()
    if (this.#inputNext && this.#open === undefined) throw usageError('no file after <')
    return {
      words: this.#words,
      shell,
      input: this.#input,
      line,
      source: this.#source.slice(this.#from, this.#at),
      next: Math.min(this.#at + 1, this.#source.length),
      open: this.#open,
    }
  }

  #begin(): (string | number)[] {
    if (this.#pieces === undefined) {
      this.#pieces = []
      this.#wordStart = this.#at
    }
    return this.#pieces
  }

  #endWord(): void {
    const pieces = this.#pieces
    this.#pieces = undefined
    if (pieces === undefined) return
    const text = join(pieces)
    if (this.#inputNext) {
      this.#input = text
      this.#inputNext = false
    } else this.#words.push({ text, start: this.#wordStart, end: this.#at })
  }

  #skipLine(): void {
    const end = this.#source.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#source.length : end
  }

  #inputRedirect(): void {
    this.#endWord()
    if (this.#inputNext || this.#input !== undefined || this.#source[this.#at + 1] === '<') throw usageError('only one < FILE can stand on a line', 'quote a < that is text')
    this.#inputNext = true
  }

  /** From here to the end of the line is for the shell, which may continue a quote on the next lines. */
  #rest(): string {
    this.#endWord()
    const start = this.#at
    let quote = ''
    for (; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at]!
      if (quote !== '') {
        if (char === quote) quote = ''
        else if (char === '\\' && quote === '"') this.#at++
      } else if (char === "'" || char === '"') quote = char
      else if (char === '\\') this.#at++
      else if (char === '\n') break
    }
    this.#at = Math.min(this.#at, this.#source.length)
    if (quote !== '') this.#open = quote as '"' | "'"
    const rest = this.#source.slice(start, this.#at)
    // The loop of `command` steps on.
    this.#at--
    return rest
  }

  #wordChar(char: string): void {
    if (char === "'") return this.#single()
    if (char === '"') return this.#double()
    if (char === '$') {
      if (this.#source[this.#at + 1] === "'") return this.#dollarSingle()
      this.#refuseVariable()
    }
    if (char === '\\') return this.#backslash()
    if (SHELL_ONLY.test(char)) throw usageError(`${char} means something to a shell but not here`, `to use it as text, quote it: '${char}'`)
    this.#begin().push(char)
  }

  #refuseVariable(): void {
    if (!/[A-Za-z0-9_({?!$@*#]/.test(this.#source[this.#at + 1] ?? '')) return
    throw usageError(`variables and $(...) are not known here: ${/^\$[({]?\w*/.exec(this.#source.slice(this.#at))![0]}`, "to use $ as text, write it in single quotes: '$'")
  }

  #backslash(): void {
    const next = this.#source[this.#at + 1]
    if (next === undefined) {
      this.#begin()
      this.#open = '\\'
    } else if (next === '\n') {
      // A line goes on after a backslash, as in a shell.
      this.#at++
    } else {
      this.#begin().push(next)
      this.#at++
    }
  }

  #single(): void {
    const end = this.#source.indexOf("'", this.#at + 1)
    this.#begin().push(this.#source.slice(this.#at + 1, end < 0 ? undefined : end))
    if (end < 0) this.#open = "'"
    this.#at = end < 0 ? this.#source.length : end
  }

  #dollarSingle(): void {
    this.#begin()
    this.#at++
    this.#escaped("'")
  }

  #double(): void {
    this.#begin()
    this.#escaped('"')
  }

  /** The inside of a quote with escapes, from the quote's character on. */
  #escaped(quote: '"' | "'"): void {
    const pieces = this.#begin()
    for (this.#at++; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at]!
      if (char === quote) return
      if (char === '\\') this.#escape(pieces)
      else {
        if (quote === '"' && char === '$') this.#refuseVariable()
        if (quote === '"' && char === '`') throw usageError('` means something to a shell but not here', "to use it as text, write it in single quotes: '`'")
        pieces.push(char)
      }
    }
    this.#open = quote
  }

  #escape(pieces: (string | number)[]): void {
    const rest = this.#source.slice(this.#at + 1, this.#at + 12)
    const hex = /^x([0-9a-fA-F]{2})/.exec(rest)
    const point = /^u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))/.exec(rest)
    const next = rest[0]
    if (hex) {
      pieces.push(Number.parseInt(hex[1]!, 16))
      this.#at += 3
    } else if (point) {
      const code = Number.parseInt(point[1] ?? point[2]!, 16)
      if (code > 0x10ffff) throw usageError(`not a character: \\${point[0]}`)
      pieces.push(String.fromCodePoint(code))
      this.#at += point[0].length
    } else if (next === 'x' || next === 'u') {
      if (rest.length < 4 && this.#at + 1 + rest.length >= this.#source.length) return void (this.#at = this.#source.length)
      throw usageError(`not an escape: \\${rest.slice(0, 3)}`, String.raw`write \xNN, \uNNNN or \u{N}`)
    } else if (next === undefined) {
      this.#at = this.#source.length
    } else {
      if (next !== '\n') pieces.push(NAMED[next] ?? (/["'\\$`]/.test(next) ? next : `\\${next}`))
      this.#at++
    }
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
  if (!text.isWellFormed()) throw usageError('half a surrogate pair is no character', String.raw`write the character, or \u{N}`)
  if (parts.length === 0) return text
  const bytes = Buffer.concat([...parts, Buffer.from(text)])
  if (!isUtf8(bytes)) throw usageError(String.raw`the bytes of \xNN are not UTF-8 here`, 'write the word in hex, with --key-encoding hex or --value-encoding hex')
  return bytes.toString()
}
