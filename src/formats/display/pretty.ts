import { Chalk } from 'chalk'
import { isUtf8 } from 'node:buffer'
import { decodeUtf8, encode, textParts } from '../../bytes.ts'
import { binary, escapeJson, escapeText } from '../../safe-text.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { EntryForm, EntryWriter, Output } from '../format.ts'
import { safeLine } from './cell.ts'

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

/** Lines of the end of a value that is cut. */
const TAIL = 4

/**
 * Shows entries one below the other: the key, and the value below it, JSON in indented lines. A value that is neither
 * JSON nor text goes into a pipe as it is, and is summarized on a terminal.
 */
export function prettyWriter(
  { text: out, isTTY, color }: Output,
  { only, keyEncoding, valueEncoding, lines = Infinity }: EntryForm,
): EntryWriter {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  let isFirst = true

  const writeKey = ({ key, expires }: Entry): void => {
    if (only === undefined && !isFirst) out.text('\n')
    if (keyEncoding === 'utf8' && !isTTY) out.bytes(key)
    else out.text(chalk.bold(keyEncoding === 'utf8' ? safeLine(key) : encode(key, keyEncoding)))
    if (expires !== undefined && only === undefined) out.text(chalk.dim(`  expires ${new Date(expires).toISOString()}`))
    out.text('\n')
  }

  const writeValue = (value: Uint8Array): void => {
    const text = valueEncoding === 'utf8' && value.length <= MAX_BYTES ? decodeUtf8(value) : undefined
    const indented = text === undefined ? undefined : prettyJson(text, color)
    if (indented !== undefined) out.text(cut(indented, lines))
    else if (valueEncoding !== 'utf8') out.encoded(value, valueEncoding)
    else if (!isTTY) out.bytes(value)
    else if (!isUtf8(value)) out.text(binary(value.length))
    else
      for (const part of textParts(value)) {
        out.text(escapeText(part))
        out.flushIfFull()
      }
    out.text('\n')
  }

  return {
    write(entry) {
      if (only !== 'value') writeKey(entry)
      if (only !== 'key') writeValue(entry.value)
      isFirst = false
    },
  }
}

function cut(text: string, most: number): string {
  const lines = text.split('\n')
  return lines.length <= most ? text : [...lines.slice(0, most - TAIL - 1), '…', ...lines.slice(-TAIL)].join('\n')
}
