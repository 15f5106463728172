import { escapeInQuote } from '../../shell-quote.ts'

/** What is open at some place of a line. */
export type Quote = '' | "'" | '"' | "$'"

/** A word of a line. */
interface Word {
  /** Without its quotes, variables replaced. */
  text: string
  /** Where it begins. */
  readonly from: number
  /** What is open at its end; only the last word of a line has an open quote. */
  quote: Quote
  /** Whether it is the file of a redirection. */
  readonly isTarget: boolean
}

/** A line up to the cursor. */
export interface PosixLine {
  /** The words before the one being typed, redirections left out. */
  readonly words: readonly string[]
  /** The one being typed; `''` after a blank. */
  readonly typed: Word
}

const NAME = /^(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/

/**
 * Reads a simple command of bash or zsh as far as it is typed. Variables are those of the environment; anything else
 * that a shell would have to run or expand stays as it is, so that nothing is ever run.
 */
export function readPosixLine(line: string, env: Readonly<Record<string, string | undefined>>): PosixLine {
  const words: Word[] = []
  let word: Word | undefined
  let isTarget = false
  const open = (from: number): Word => (word ??= { text: '', from, quote: '', isTarget })
  const close = (): void => {
    if (word === undefined) return
    words.push(word)
    word = undefined
    isTarget = false
  }
  for (let i = 0; i < line.length;) {
    const char = line[i]!
    const from = i++
    if (/[ \t\n]/.test(char)) close()
    else if (/[<>]/.test(char)) {
      // Digits before it name a descriptor.
      if (word !== undefined && /^\d+$/.test(line.slice(word.from, from))) word = undefined
      close()
      while (/[<>&|]/.test(line[i] ?? '')) i++
      isTarget = true
    } else if (char === '\\') {
      open(from).text += line[i] === '\n' ? '' : (line[i] ?? '')
      i++
    } else if (char === "'" || char === '"' || (char === '$' && /['"]/.test(line[i] ?? ''))) {
      const quote = char === '$' ? (line[i++] === "'" ? "$'" : '"') : char
      const end = endOfQuote(line, i, quote)
      open(from).text += inQuote(line.slice(i, end), quote, env)
      if (end === line.length) word!.quote = quote
      i = end + 1
    } else if (char === '$') {
      const [all = '', name, inBraces] = NAME.exec(line.slice(i)) ?? []
      open(from).text += all === '' ? char : (env[name ?? inBraces!] ?? '')
      i += all.length
    } else open(from).text += char
  }
  const typed = word ?? { text: '', from: line.length, quote: '' as const, isTarget }
  return { words: words.filter((each) => !each.isTarget).map(({ text }) => text), typed }
}

/** Where a quote that begins before `from` is closed; the end of the line where it is not. */
function endOfQuote(line: string, from: number, quote: Quote): number {
  for (let i = from; i < line.length; i++) {
    if (line[i] === quote.at(-1)) return i
    if (line[i] === '\\' && quote !== "'") i++
  }
  return line.length
}

function inQuote(raw: string, quote: Quote, env: Readonly<Record<string, string | undefined>>): string {
  if (quote === "'") return raw
  if (quote === "$'") return unescape(raw)
  return raw.replaceAll(/\\([$`"\\])|\\$|\\\n|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/g, (_, char, name, inBraces) =>
    String(char ?? env[(name ?? inBraces) as string] ?? ''),
  )
}

const NAMED: Readonly<Record<string, string>> = { a: '\x07', b: '\b', e: '\x1b', E: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' } // prettier-ignore

/** The text of what stands within `$'...'`. */
function unescape(raw: string): string {
  const bytes = /(?:\\x[\da-fA-F]{1,2}|\\[0-7]{1,3})+/
  const others = /\\u([\da-fA-F]{1,4})|\\U([\da-fA-F]{1,8})|\\([^])|\\$/
  return raw.replaceAll(new RegExp(`${bytes.source}|${others.source}`, 'g'), (all, short, long, char) => {
    const code = (short ?? long) as string | undefined
    if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff))
    if (char !== undefined) return NAMED[char as string] ?? String(char)
    const codes = all.match(/x[\da-fA-F]+|[0-7]+/g) ?? []
    return Buffer.from(
      codes.map((each) => (each.startsWith('x') ? Number(`0${each}`) : Number(`0o${each}`))),
    ).toString()
  })
}

/** Text that goes on in a word, written so that bash reads it back. */
export function quoteRest(text: string, quote: Quote): string {
  if (quote === "$'") return escapeInQuote(text)
  const parts = text.match(/[\u0000-\u001f\u007f-\u009f]+|[^\u0000-\u001f\u007f-\u009f]+/g) ?? []
  return parts
    .map((part) => {
      if (/^[\u0000-\u001f\u007f-\u009f]/.test(part)) return `${quote}$'${escapeInQuote(part)}'${quote}`
      if (quote === "'") return part.replaceAll("'", String.raw`'\''`)
      if (quote === '"') return part.replaceAll(/[$`"\\]/g, String.raw`\$&`).replaceAll('!', `"'!'"`)
      return part.replaceAll(/[\u0020-\u007e]/g, (char) => (/[\w@%+=:,./^-]/.test(char) ? char : `\\${char}`))
    })
    .join('')
}
