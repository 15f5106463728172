import { homedir } from 'node:os'
import { KvError, usageError } from '../../errors.ts'
import { type Messages, type Output, Redirects } from './redirects.ts'
import { type Open, closing, endOfLine, refuse, shellPart } from './shell-part.ts'
import { type Word, WordReader } from './word-reader.ts'

/** One command of a session or script. */
export interface CommandLine {
  readonly words: readonly Word[]
  /** What the user's shell gets of the line: redirections of the data, and all from an unquoted `|` on. */
  readonly shell: string | undefined
  /** Files that redirections of the data name, where no shell is needed to know them. */
  readonly outputs: readonly Output[]
  /** The file of `< FILE`. */
  readonly input: Word | undefined
  /** What `2>` and its kin ask for; `undefined`: messages go where those of the session go. */
  readonly messages: Messages | undefined
  /** Whether the data go where messages go: `>&2`. */
  readonly dataToMessages: boolean
  /** What follows a `!` at the beginning: the whole line is for the shell. */
  readonly program: string | undefined
  /** Number of the source's line it begins on, from 1. */
  readonly line: number
  readonly source: string
  /** Where it begins, and where the next command does. */
  readonly start: number
  readonly next: number
  /** What the source ends within, such as a quote: more must follow. */
  readonly open: Open | undefined
}

/**
 * Reads one command, from `from` to the end of its line: words and redirections as in a POSIX shell, but `"..."` and
 * `$'...'` know `\n \t \r \e \0 \xNN \u{N}`, `*` and its kin are text, and what only a shell can do (variables, `;`,
 * `&`, `||`, command substitution) is refused. Throws `KV_USAGE`.
 * @param firstLine the number of that line
 */
export function lexLine(source: string, from = 0, firstLine = 1): CommandLine {
  return new Lexer(source, from).command(firstLine)
}

/** The error of a source that ends within a quote or after a backslash. */
export function unfinished(open: NonNullable<CommandLine['open']>): KvError {
  if (open === '\\') return usageError('the line ends with a backslash and nothing follows')
  return usageError(open === '(' ? 'what was begun for the shell is not ended' : `the quote ${open} is not closed`)
}

/**
 * The text of a word, in which a `~` that stands for the home folder has been replaced: by `HOME`, else by what the system
 * says of the user. Throws `KV_USAGE` where neither names one.
 */
export function expandHome({ text, home }: Word, named: string | undefined): string {
  if (!home) return text
  try {
    return (named || homedir()) + text.slice(1)
  } catch (cause) {
    throw new KvError('KV_USAGE', `no HOME for ${text}`, { cause, hint: 'write the whole path' })
  }
}

class Lexer {
  readonly #source: string
  readonly #words: Word[] = []
  readonly #redirects = new Redirects()
  readonly #reader: WordReader
  readonly #from: number
  /** Takes the next word in place of the command. */
  #taker: ((word: Word) => void) | undefined

  constructor(source: string, from: number) {
    this.#source = source
    this.#from = from
    this.#reader = new WordReader(source, from)
  }

  command(line: number): CommandLine {
    let program: string | undefined
    let piped: string | undefined
    for (; this.#reader.at < this.#source.length; this.#reader.at++) {
      const char = this.#source[this.#reader.at]!
      if (char === '\n') break
      if (
        char === ' ' ||
        char === '\t' ||
        (char === '\r' && /^\r?(\n|$)/.test(this.#source.slice(this.#reader.at, this.#reader.at + 2)))
      )
        this.#endWord()
      // A comment ends at the line feed, which this loop has to see.
      else if (char === '#' && !this.#reader.inWord) this.#reader.at = endOfLine(this.#source, this.#reader.at) - 1
      else if (char === '!' && !this.#reader.inWord && this.#words.length === 0 && this.#redirects.none)
        program = this.#toShell(1, true)
      else if (char === '<' || char === '>' || (char === '&' && this.#source[this.#reader.at + 1] === '>'))
        this.#redirect()
      else if (char === '|') piped = this.#pipe()
      else this.#reader.char(char)
      if (this.#reader.open !== undefined) this.#reader.at = this.#source.length
    }
    this.#endWord()
    if (this.#taker !== undefined && this.#reader.open === undefined) throw usageError('no file after the redirection')
    const { input, messages, dataToMessages, outputs } = this.#redirects
    const shell = this.#redirects.shell(piped)
    if (
      this.#words.length === 0 &&
      program === undefined &&
      this.#reader.open === undefined &&
      !(this.#redirects.none && piped === undefined)
    )
      throw usageError('no command on the line')
    return {
      words: this.#words,
      shell,
      outputs,
      input,
      messages,
      dataToMessages,
      program,
      line,
      source: this.#source.slice(this.#from, this.#reader.at),
      start: this.#from,
      next: Math.min(this.#reader.at + 1, this.#source.length),
      open: this.#reader.open,
    }
  }

  #endWord(): void {
    const text = this.#reader.take()
    if (text === undefined) return
    const { start } = this.#reader
    const end = Math.min(this.#reader.at, this.#source.length)
    const home = /^~(?![^/])/.test(this.#source.slice(start, Math.min(end, start + 2)))
    const word = { text, home, start, end }
    const taker = this.#taker
    this.#taker = undefined
    if (taker === undefined) this.#words.push(word)
    else taker(word)
  }

  /** From some characters on to its end the line is for the shell. */
  #toShell(skip: number, whole: boolean): string {
    this.#endWord()
    const start = this.#reader.at
    const { end, open } = shellPart(this.#source, start + skip, { whole })
    this.#reader.open = open
    this.#reader.at = end - 1
    return this.#source.slice(start + (whole ? skip : 0), end).replace(/\r$/, '')
  }

  #pipe(): string {
    if (this.#source[this.#reader.at + 1] === '|') refuse('||')
    if (this.#source[this.#reader.at + 1] !== '&') return this.#toShell(1, false)
    this.#redirects.messagesToData()
    return this.#toShell(2, false).replace('|&', '|')
  }

  /** A redirection, of which `#at` is the first character but for the number of what is redirected. */
  #redirect(): void {
    const number = this.#reader.takeNumber()
    this.#endWord()
    if (this.#taker !== undefined) throw usageError('no file after the redirection')
    const operator = /^(?:<<<|<<|<&|<>|<|&>>|&>|>>|>&|>\||>)/.exec(
      this.#source.slice(this.#reader.at, this.#reader.at + 3),
    )![0]
    this.#reader.at += operator.length
    const target = /^(?:\d+|-)(?=[\s|<>&;]|$)/.exec(this.#source.slice(this.#reader.at, this.#reader.at + 16))?.[0]
    const next = this.#redirects.add(number + operator, target)
    if (next === 'none') this.#reader.at += target!.length - 1
    else if (next === 'word') {
      this.#reader.at--
      this.#taker = (word) => this.#redirects.file(word)
    } else this.#shellWord()
  }

  /** A file that the shell opens, and may find by variables. */
  #shellWord(): void {
    const start = this.#reader.at
    while (/[ \t]/.test(this.#source[this.#reader.at] ?? '')) this.#reader.at++
    const first = this.#reader.at
    for (let depth = 0; this.#reader.at < this.#source.length; this.#reader.at++) {
      const char = this.#source[this.#reader.at]!
      if (char === '\\') {
        if (++this.#reader.at >= this.#source.length) this.#reader.open = char
      } else if (char === "'" || char === '"' || char === '`') {
        const end = closing(this.#source, this.#reader.at)
        if (end < 0) this.#reader.open = char
        this.#reader.at = end < 0 ? this.#source.length : end
      } else if (char === '(') depth++
      else if (char === ')') depth--
      else if (depth === 0 && /[\s|&;<>]/.test(char) && !(this.#reader.at === first && this.#source[first + 1] === '('))
        break
    }
    this.#reader.at = Math.min(this.#reader.at, this.#source.length)
    const text = this.#source.slice(start, this.#reader.at)
    // A comment is no file, nor is the number of the next redirection.
    const isNone =
      /^[ \t]*(?:#|$)/.test(text) || (/^[ \t]*\d+$/.test(text) && /[<>]/.test(this.#source[this.#reader.at] ?? ''))
    if (isNone) throw usageError('no file after the redirection')
    this.#redirects.shellWord(text, plainWord(text))
    this.#reader.at--
  }
}

/** The word of a text, where it is one and no shell is needed to know it. */
function plainWord(text: string): Word | undefined {
  if (/[*?[{$`(]|^\s*~[^/\s]/.test(text)) return undefined
  try {
    return lexLine(text).words[0]
  } catch {
    return undefined
  }
}
