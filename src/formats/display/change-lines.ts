import { Chalk } from 'chalk'
import type { Change } from '../../store/driver/entry.ts'
import { cutToWidth } from '../../text-width.ts'
import type { TextOutput } from '../byte-buffer.ts'
import type { Output, ValueForm } from '../format.ts'
import { cell } from './cell.ts'

/** Shows changes to people, a line each: `put  user:1  Ada`, cut to the width of the terminal. */
export function changeLines(
  { text: out, color, columns }: Output<TextOutput>,
  { keyEncoding, valueEncoding }: ValueForm,
): (change: Change) => void {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  return (change) => {
    const isPut = change.type === 'put'
    const until = isPut && change.expires !== undefined ? `  (expires ${new Date(change.expires).toISOString()})` : ''
    const rest = isPut ? `  ${cell(change.value, valueEncoding)}${until}` : ''
    const text = cutToWidth(`${cell(change.key, keyEncoding)}${rest}`, Math.max(1, columns() - 'put  '.length))
    out.text(`${isPut ? chalk.green('put') : chalk.red('del')}  ${text}\n`)
  }
}
