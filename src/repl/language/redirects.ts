import { usageError } from '../../errors.ts'
import type { Word } from './word-reader.ts'

/** Where the messages of a command go: `data`, where its data go, or into a file. */
export type Messages = 'data' | Output

/** A file that is written, from its beginning or on from its end. */
export interface Output {
  readonly file: Word
  readonly append: boolean
}

/** What stands after the operator of a redirection: a word that kv reads, one that the shell reads, or nothing. */
type Target = 'word' | 'shell' | 'none'

/** The redirections of one command, with the meaning that a POSIX shell gives them. */
export class Redirects {
  input: Word | undefined
  messages: Messages | undefined
  dataToMessages = false
  /** Files of the data whose names need no shell. */
  readonly outputs: Output[] = []
  #shell = ''
  #pending: 'input' | 'messages' | 'append' = 'input'

  /** Whether there is none. */
  get none(): boolean {
    return this.input === undefined && this.messages === undefined && !this.dataToMessages && this.#shell === ''
  }

  /**
   * Takes an operator with the number before it, such as `2>>`; `target` is the number or `-` after it. Throws
   * `KV_USAGE`.
   */
  add(operator: string, target: string | undefined): Target {
    const [, number, sign] = /^(\d*)(.*)$/.exec(operator) as unknown as [string, string, string]
    if (sign.startsWith('<')) return this.#addInput(number, sign)
    if (sign === '>&' && target !== undefined) return this.#addCopy(number, target)
    const both = sign === '>&' || sign.startsWith('&')
    if (both && number !== '') throw unknown(operator)
    if (number === '2') return this.#addMessages(sign)
    if (number !== '' && number !== '1') throw unknown(operator)
    this.#checkOrder()
    this.#shell += ` ${both ? sign.replaceAll('&', '') : sign}`
    if (both) this.messagesToData()
    return 'shell'
  }

  /** The file of an operator for which {@link add} asked for a word. */
  file(word: Word): void {
    if (this.#pending === 'input') this.input = word
    else this.messages = { file: word, append: this.#pending === 'append' }
  }

  /** The file of an operator for which {@link add} asked for a word of the shell. */
  shellWord(text: string, plain: Word | undefined): void {
    if (plain !== undefined) this.outputs.push({ file: plain, append: this.#shell.endsWith('>>') })
    this.#shell += text
  }

  /** `2>&1`: messages go where the data go. */
  messagesToData(): void {
    if (this.messages !== undefined || this.dataToMessages) throw twice()
    this.messages = 'data'
  }

  /** What the shell gets, with what stands from `|` on. Throws `KV_USAGE`. */
  shell(piped: string | undefined): string | undefined {
    const all = `${this.#shell} ${piped ?? ''}`.trim()
    if (this.dataToMessages && all !== '') throw twice()
    return all === '' ? undefined : all
  }

  #addInput(number: string, sign: string): Target {
    if (sign === '<<<') throw usageError('<<< is not known here', 'give the value as an argument')
    if (sign === '<<')
      throw usageError('<< is not known here', 'give the text in quotes, which may hold line feeds, or use < FILE')
    if (sign !== '<' || (number !== '' && number !== '0')) throw unknown(number + sign)
    if (this.input !== undefined) throw usageError('only one < FILE can stand on a line', 'quote a < that is text')
    this.#pending = 'input'
    return 'word'
  }

  #addMessages(sign: string): Target {
    if (this.messages !== undefined || this.dataToMessages) throw twice()
    this.#pending = sign === '>>' ? 'append' : 'messages'
    return 'word'
  }

  #addCopy(number: string, target: string): Target {
    if (number === '2' && target === '1') this.messagesToData()
    else if ((number === '' || number === '1') && target === '2') {
      this.#checkOrder()
      if (this.messages !== undefined || this.#shell !== '') throw twice()
      this.dataToMessages = true
    } else if (!((number === '2' && target === '2') || (/^1?$/.test(number) && target === '1')))
      throw unknown(`${number}>&${target}`)
    return 'none'
  }

  /** A shell would send the messages of `2>&1 > FILE` to where the data went before. */
  #checkOrder(): void {
    if (this.messages === 'data')
      throw usageError('2>&1 stands after > FILE, or the file gets no messages', 'write > FILE 2>&1')
    if (this.dataToMessages) throw twice()
  }
}

function unknown(operator: string): Error {
  return usageError(
    `${operator} is not known here`,
    'known are < FILE, > FILE, >> FILE, 2> FILE, 2>> FILE, 2>&1, >&2 and &> FILE; quote what is text',
  )
}

function twice(): Error {
  return usageError('these redirections cannot stand together here', 'give one for the data and one for the messages')
}
