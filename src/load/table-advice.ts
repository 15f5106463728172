import { columnNamed, columnsOf } from '../formats/csv/columns.ts'
import { DIALECTS, dialectWith, fieldsOf } from '../formats/csv/row.ts'
import { fieldMapping } from '../formats/mapping.ts'
import { type ParserOptions, FIELDS } from '../formats/record-reader.ts'
import { firstLine } from './content-format.ts'
import { fieldText } from './field-text.ts'

/** The byte between fields. */
export const SEPARATORS: Readonly<Record<'csv' | 'tsv', string>> = { csv: ',', tsv: '\t' }

/** What is known of the table that was asked for. */
type Asked = Pick<ParserOptions, 'mapping' | 'columns' | 'delimiter' | 'quote'>

/**
 * What the first line of a table is where it is no header for what is asked, and the options that read it, if any do;
 * `undefined` when nothing is known to help.
 */
export function headerOptions(
  text: string,
  format: 'csv' | 'tsv',
  asked: Asked,
): readonly [what: string, options?: string[]] | undefined {
  if (asked.columns !== undefined) return undefined
  const first = firstLine(text)
  const named = format === 'csv' ? /^sep=(.)$/.exec(first)?.[1] : undefined
  // The parser takes what such a line names.
  const line = named === undefined ? first : firstLine(text.slice(first.length).replace(/^\r?\n/, ''))
  const isGiven = asked.delimiter !== undefined || named !== undefined
  const guessed = isGiven || line.includes(SEPARATORS[format]) ? undefined : /[;|\t]/.exec(line)?.[0]
  const separator = named ?? guessed
  const { delimiter = separator?.charCodeAt(0), quote } = asked
  const names = fieldsOf(line, dialectWith(DIALECTS[format], { delimiter, quote })) ?? []
  const other =
    guessed === undefined
      ? []
      : [...(format === 'tsv' ? ['--format', 'csv'] : []), '--delimiter', guessed === '\t' ? 'tab' : guessed]
  const chosen = asked.mapping?.key === undefined ? keyOptions(names) : keyIsThere(names, asked) ? [] : undefined
  if (guessed !== undefined)
    return [`the separator seems to be ${guessed === '\t' ? 'a tab' : guessed}`, [...other, ...(chosen ?? [])]]
  if (chosen === undefined || chosen.length === 0 || asked.mapping?.key !== undefined) {
    const isOne = asked.mapping?.key === undefined && names.length === 1 && chosen === undefined
    return isOne
      ? [`the first line must be ${['key', 'value'].join(SEPARATORS[format])}, perhaps with ttl or expires`]
      : undefined
  }
  return [
    chosen[0] === '--no-header' ? 'where the first line is a record' : 'columns are chosen by their names',
    chosen,
  ]
}

/** Whether the columns that the key and the value are made of are all there. */
function keyIsThere(names: readonly string[], { mapping }: Asked): boolean {
  const { fields } = fieldMapping(mapping!.key!, mapping!)
  return fields.names.every((name, n) => columnNamed(name, fields.paths[n]!, names) >= 0)
}

/** The options that choose a key, and perhaps a value, among the columns of a header; none where it is a right one. */
function keyOptions(names: readonly string[]): string[] | undefined {
  if (typeof columnsOf(names) !== 'string') return []
  if (names.length < 2) return undefined
  if (names.some((name) => name.trim() === '' || /^[-+]?\d/.test(name)))
    return ['--no-header', ...(names.length === 2 ? [] : ['--key', '1'])]
  const unique = names.filter((name) => names.indexOf(name) === names.lastIndexOf(name))
  // A record of columns with one name is no object.
  if (unique.length < names.length) {
    const [key, value] = unique.map(fieldText)
    return key === undefined || value === undefined ? undefined : ['--key', key, '--value', value]
  }
  const named = (field: string): string | undefined => names.find((name) => name.trim().toLowerCase() === field)
  const known = names.filter((name) => FIELDS.includes(name.trim().toLowerCase())).length > 1
  const key = fieldText(known ? (named('key') ?? names[0]!) : names[0]!)
  const value = known ? named('value') : names.length === 2 ? names[1] : undefined
  const valueText = value === undefined ? undefined : fieldText(value)
  if (key === undefined) return undefined
  return ['--key', key, ...(valueText === undefined ? [] : ['--value', valueText])]
}
