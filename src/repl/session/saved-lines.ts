import { isUtf8 } from 'node:buffer'
import { closeSync, constants, copyFileSync, fsyncSync, linkSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { commandName } from '../../cli/called.ts'
import { KvError, unwritable } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import type { CommandLine } from '../language/lexer.ts'

/** Lines kept at most, and their characters together; the oldest go first. */
const MAX_LINES = 10_000
const MAX_CHARS = 16_000_000

/** What the user gave a command besides its line. */
export interface Answers {
  /** The value that was typed. */
  typed: Uint8Array | undefined
  /** Whether a question was answered. */
  asked: boolean
}

interface Line {
  readonly id: number
  readonly text: string
  undone: boolean
}

/** The commands of a session that went well, as a script that does the same again. */
export class SavedLines {
  #lines: Line[] = []
  #chars = 0
  #dropped = 0

  /** How many there are. */
  get count(): number {
    return this.#lines.length
  }

  /** Keeps a line; `id` is that of its command. */
  add(id: number, text: string): void {
    this.#lines.push({ id, text, undone: false })
    this.#chars += text.length
    if (this.#lines.length <= MAX_LINES && this.#chars <= MAX_CHARS) return
    // Half of them at once, so that not every further line moves all of them.
    let drop = 0
    for (; this.#lines.length - drop > MAX_LINES / 2 || this.#chars > MAX_CHARS / 2; drop++)
      this.#chars -= this.#lines[drop]!.text.length
    this.#lines = this.#lines.slice(drop)
    this.#dropped += drop
  }

  /** What the command of this id did was put back, or was done again. */
  toggle(id: number): void {
    for (const line of this.#lines) if (line.id === id) line.undone = !line.undone
  }

  /** All of them, a line each; what was undone as a comment. */
  script(): string {
    const first =
      this.#dropped === 0 ? '' : `# ${this.#dropped.toLocaleString('en')} commands before these are not kept\n`
    return first + this.#lines.map(({ text, undone }) => `${undone ? comment('undone', text) : text}\n`).join('')
  }
}

/** Whether `.save` writes a command of this name. */
export function isSaved(name: string | undefined): boolean {
  return name !== undefined && (!name.startsWith('.') || name === '.open' || name === '.mode')
}

/** A line as a script must have it to do the same: with the value that was typed, and the answer that was given. */
export function savedText({ source, start, words }: CommandLine, { typed, asked }: Answers, commands: object): string {
  const texts = words.map(({ text }) => text).filter((text, i) => i > 0 || text !== 'kv')
  const called = commandName(texts, commands)
  const name = words.find(({ text }) => text === called)
  if (typed === undefined && !asked) return source.trim()
  if (name === undefined || (asked && name.text !== 'del') || (typed !== undefined && name.text !== 'put'))
    return comment('needs a terminal', source.trim())
  const ended = words.some(({ text }) => text === '--')
  if (typed !== undefined && !isUtf8(typed) && ended) return comment('a value that is not UTF-8', source.trim())
  if (asked) return spliced(source, name.end - start, name.end - start, ' --yes')
  // The value stands last, where `--` can protect it.
  const dash = ended ? undefined : words.find(({ text, start: from, end }) => text === '-' && end - from === 1)
  const without = dash === undefined ? source : spliced(source, dash.start - start, dash.end - start, '')
  const last = words.at(-1)!.end - start - (dash === undefined ? 0 : 1)
  return spliced(without, last, last, ` ${valueWords(typed!, ended)}`)
}

function valueWords(value: Uint8Array, ended: boolean): string {
  if (!isUtf8(value)) return `--value-encoding hex ${Buffer.from(value).toString('hex')}`
  const text = Buffer.from(value).toString()
  return `${text.startsWith('-') && !ended ? '-- ' : ''}${quoteWord(text)}`
}

function spliced(text: string, from: number, to: number, part: string): string {
  return `${text.slice(0, from)}${part}${text.slice(to)}`.trim()
}

function comment(why: string, text: string): string {
  return `# ${why}: ${text.replaceAll('\n', '\n# ')}`
}

/**
 * Writes a file that was not there, whole or not at all, for the user alone. Throws `KV_USAGE`, and `KV_OUTPUT` when
 * the disk fails.
 */
export function writeNewFile(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const fd = openSync(temporary, 'wx', 0o600)
    try {
      writeFileSync(fd, text)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    nameIt(temporary, file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new KvError('KV_USAGE', `cannot write ${file}: it is there already`, { cause })
    const isWrongCall = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG'].includes(code ?? '')
    throw unwritable(file, cause, isWrongCall ? 'KV_USAGE' : 'KV_OUTPUT')
  } finally {
    rmSync(temporary, { force: true })
  }
}

function nameIt(temporary: string, file: string): void {
  try {
    linkSync(temporary, file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw cause
    // A file system without hard links.
    copyFileSync(temporary, file, constants.COPYFILE_EXCL)
  }
}
