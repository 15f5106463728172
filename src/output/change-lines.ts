import { Chalk, type ChalkInstance } from 'chalk'
import type { Change } from '../store/entry.ts'
import { cell } from './cell.ts'
import type { JsonOptions } from '../formats/json/lines-writer.ts'
import { cutToWidth } from '../text-width.ts'

/** Shows changes to people, a line each: `put  user:1  Ada`, cut to the width of the terminal. */
export class ChangeLines {
  readonly #chalk: ChalkInstance
  readonly #options: Pick<JsonOptions, 'keyEncoding' | 'valueEncoding'>

  constructor(options: Pick<JsonOptions, 'keyEncoding' | 'valueEncoding'> & { readonly color: boolean }) {
    this.#chalk = new Chalk({ level: options.color ? 1 : 0 })
    this.#options = options
  }

  /** The line of a change, of at most so many columns. */
  line(change: Change, width: number): string {
    const { keyEncoding, valueEncoding } = this.#options
    const until =
      change.type === 'put' && change.expires !== undefined
        ? `  (expires ${new Date(change.expires).toISOString()})`
        : ''
    const rest = change.type === 'put' ? `  ${cell(change.value, valueEncoding)}${until}` : ''
    const text = cutToWidth(`${cell(change.key, keyEncoding)}${rest}`, Math.max(1, width - 'put  '.length))
    return `${change.type === 'put' ? this.#chalk.green('put') : this.#chalk.red('del')}  ${text}\n`
  }
}
