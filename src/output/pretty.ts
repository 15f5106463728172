import { Chalk, type ChalkInstance } from 'chalk'
import { isUtf8 } from 'node:buffer'
import { type Encoding, decodeUtf8, encode, encodeParts, textParts } from '../bytes.ts'
import type { Sink } from '../io.ts'
import type { Entry } from '../store/entry.ts'
import { binary } from './cell.ts'
import { escapeJson, escapeLine, escapeText } from '../safe-text.ts'

const INDENT = '  '

/**
 * Longer JSON is shown as it is, in bytes; and so is JSON that would become longer than this, in characters: it may
 * be nested as deep as it is long.
 */
const MAX_BYTES = 4 << 20
const MAX_INDENTED = 64 << 20

/** A string, a mark, or a number or word: all that stands in JSON between blanks (RFC 8259). */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g

/**
 * JSON text in indented lines, safe for a terminal; `undefined` when the text is no JSON, or would be too long. Every
 * number and string stays as it is written, and so does the order of the fields.
 */
export function prettyJson(json: string, color: boolean): string | undefined {
  try {
    JSON.parse(json)
  } catch {
    return undefined
  }
  const paint = painter(color)
  const tokens = escapeJson(json).match(TOKEN)!
  let text = ''
  let line = '\n'
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1]
    if (text.length > MAX_INDENTED) return undefined
    if (token === '{' || token === '[') {
      text += token
      line += INDENT
      if (next !== '}' && next !== ']') text += line
    } else if (token === '}' || token === ']') {
      line = line.slice(0, -INDENT.length)
      const before = tokens[at - 1]
      text += before === '{' || before === '[' ? token : `${line}${token}`
    } else if (token === ',') text += `,${line}`
    else if (token === ':') text += ': '
    else text += paint(token, next === ':')
  }
  return text
}

function painter(color: boolean): (token: string, isName: boolean) => string {
  if (!color) return (token) => token
  const chalk = new Chalk({ level: 1 })
  return (token, isName) => {
    if (isName) return chalk.cyan(token)
    if (token.startsWith('"')) return chalk.green(token)
    return token === 'null' ? chalk.dim(token) : chalk.yellow(token)
  }
}

/** How entries are shown one below the other. */
export interface PrettyOptions {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
  readonly only: 'key' | 'value' | undefined
  /** Lines of a value shown at most, its first and its last; `undefined`: all. */
  readonly lines?: number | undefined
  readonly color: boolean
}

/** Lines of the end of a value that is cut. */
const TAIL = 4

/** Shows entries one below the other: the key, and the value below it, JSON in indented lines. */
export class PrettyWriter {
  readonly #sink: Sink
  readonly #options: PrettyOptions
  readonly #chalk: ChalkInstance
  #first = true

  constructor(sink: Sink, options: PrettyOptions) {
    this.#sink = sink
    this.#options = options
    this.#chalk = new Chalk({ level: options.color ? 1 : 0 })
  }

  /**
   * Shows one entry. A value that is neither JSON nor text goes into a pipe as it is, and is summarized on a
   * terminal.
   */
  write({ key, value, expires }: Entry): void {
    const { only, keyEncoding, valueEncoding } = this.#options
    if (only !== 'value') {
      if (only === undefined && !this.#first) this.#sink.write('\n')
      const until =
        expires === undefined || only !== undefined
          ? ''
          : this.#chalk.dim(`  expires ${new Date(expires).toISOString()}`)
      const isAsStored = keyEncoding === 'utf8' && !this.#sink.isTTY
      this.#sink.write(
        isAsStored ? key : this.#chalk.bold(keyEncoding === 'utf8' ? keyText(key) : encode(key, keyEncoding)),
      )
      this.#sink.write(`${until}\n`)
    }
    if (only !== 'key') {
      const text = valueEncoding === 'utf8' && value.length <= MAX_BYTES ? decodeUtf8(value) : undefined
      const indented = text === undefined ? undefined : this.#cut(prettyJson(text, this.#options.color))
      if (indented === undefined) this.#value(value, valueEncoding)
      else this.#sink.write(indented)
      this.#sink.write('\n')
    }
    this.#first = false
  }

  #value(bytes: Uint8Array, encoding: Encoding): void {
    if (encoding !== 'utf8') for (const part of encodeParts(bytes, encoding)) this.#sink.write(part)
    else if (!this.#sink.isTTY) this.#sink.write(bytes)
    else if (!isUtf8(bytes)) this.#sink.write(binary(bytes))
    else for (const part of textParts(bytes)) this.#sink.write(escapeText(part))
  }

  #cut(text: string | undefined): string | undefined {
    const { lines: most = Infinity } = this.#options
    const lines = text?.split('\n') ?? []
    if (lines.length <= most) return text
    return [...lines.slice(0, most - TAIL - 1), '…', ...lines.slice(-TAIL)].join('\n')
  }
}

function keyText(key: Uint8Array): string {
  const text = decodeUtf8(key)
  return text === undefined ? binary(key) : escapeLine(text)
}
