import { usageError } from '../../errors.ts'

/** What a text of a shell ends within. */
export type Open = '"' | "'" | '\\' | '`' | '('

/** Where a text for a shell ends. */
export interface ShellPart {
  /** Index of the line feed after it, or the length of the source. */
  readonly end: number
  /** What the source ends within: more must follow. */
  readonly open: Open | undefined
}

/** Words that begin a compound command of a shell, and the word that ends it. */
const COMPOUND = new Map(
  Object.entries({ if: 'fi', case: 'esac', while: 'done', until: 'done', for: 'done', select: 'done', '{': '}' }),
)

/** Words after which a command comes. */
const BEFORE_COMMAND = new Set(['if', 'then', 'elif', 'else', 'while', 'until', 'do', '{', '!'])

const INSTEAD = 'write what follows on a line of its own; a line that begins with ! is for the shell as a whole'

/**
 * Finds the end of a text that a shell will read: quotes, parentheses and compound commands may go over several lines.
 * Throws `KV_USAGE` for a here-document, whose lines would be taken for commands, and for a second command after `;`,
 * `&`, `&&` or `||`, which would run without the session; with `whole`, all is the shell's and these are not refused.
 */
export function shellPart(source: string, from: number, { whole = false } = {}): ShellPart {
  const inside: string[] = []
  let commandNext = true
  for (let at = from; at < source.length; at++) {
    const char = source[at]!
    if (char === '\\') {
      if (++at === source.length) return { end: at, open: '\\' }
      commandNext = false
    } else if (char === "'" || char === '"' || char === '`') {
      at = closing(source, at)
      if (at < 0) return { end: source.length, open: char }
      commandNext = false
    } else if (char === '#' && /[\s;&|()]/.test(source[at - 1] ?? ' ')) {
      at = endOfLine(source, at) - 1
    } else if (char === '\n') {
      if (inside.length === 0) return { end: at, open: undefined }
      commandNext = true
    } else if (char === '(') {
      inside.push(')')
      commandNext = true
    } else if (char === ')') {
      if (inside.at(-1) === ')') inside.pop()
      // Of a pattern of `case`, or of a list in parentheses.
      commandNext = inside.at(-1) === 'esac'
    } else if (char === ';' || char === '&' || char === '|') {
      const next = source[at + 1]
      const isRedirect = char === '&' && (next === '>' || /[<>|]/.test(source[at - 1] ?? ''))
      const isDouble = next === char
      if (!whole && inside.length === 0 && !isRedirect && (char !== '|' || isDouble))
        refuse(isDouble ? char + char : char)
      if (isDouble) at++
      commandNext = !isRedirect || source[at - 1] === '|'
    } else if (char === '<' && source[at + 1] === '<') {
      const length = /^<+/.exec(source.slice(at, at + 3))![0].length
      if (length === 2)
        throw usageError('<< has no place in a line of a session', 'the lines after it would be commands; use < FILE')
      at += length - 1
    } else if (!/\s/.test(char)) {
      const word = /^[^\s;&|()<>"'\\`]+/.exec(source.slice(at, at + 64))?.[0] ?? char
      at += word.length - 1
      if (!commandNext) continue
      if (word === inside.at(-1) || (word === 'end' && inside.length > 0 && inside.at(-1) !== ')')) inside.pop()
      else if (COMPOUND.has(word)) inside.push(COMPOUND.get(word)!)
      commandNext = BEFORE_COMMAND.has(word)
    }
  }
  return { end: source.length, open: inside.length > 0 ? '(' : undefined }
}

/** Where the quote that begins at an index ends; negative when it does not. */
export function closing(source: string, start: number): number {
  const quote = source[start]
  if (quote === "'") return source.indexOf(quote, start + 1)
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === quote) return at
  }
  return -1
}

/** Index of the line feed that ends the line, or the length of the source. */
export function endOfLine(source: string, at: number): number {
  const end = source.indexOf('\n', at)
  return end < 0 ? source.length : end
}

/** Refuses what would begin another command (`KV_USAGE`). */
export function refuse(operator: string): never {
  throw usageError(`a session runs one command a line: ${operator} cannot begin another`, INSTEAD)
}
