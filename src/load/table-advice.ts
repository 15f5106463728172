import { columnNamed, columnsOf } from '../formats/csv/columns.ts'
import { type Dialect, DIALECTS, dialectWith, fieldsOf } from '../formats/csv/row.ts'
import { fieldMapping } from '../formats/mapping.ts'
import { type ParserOptions, FIELDS } from '../formats/record-reader.ts'
import { firstLine } from './content-format.ts'
import { fieldText } from './field-text.ts'

/** The byte between fields. */
export const SEPARATORS: Readonly<Record<'csv' | 'tsv', string>> = { csv: ',', tsv: '\t' }

/** Records that are looked at for a column that can be the key. */
const SAMPLED = 100

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
  const dialect = dialectWith(DIALECTS[format], { delimiter, quote })
  const names = fieldsOf(line, dialect) ?? []
  const other =
    guessed === undefined
      ? []
      : [...(format === 'tsv' ? ['--format', 'csv'] : []), '--delimiter', guessed === '\t' ? 'tab' : guessed]
  const records = recordsOf(text, dialect, names.length)
  const chosen = asksForKey(asked) ? (keyIsThere(names, asked) ? [] : undefined) : keyOptions(names, records, asked)
  if (guessed !== undefined)
    return [`the separator seems to be ${guessed === '\t' ? 'a tab' : guessed}`, [...other, ...(chosen ?? [])]]
  if (chosen === undefined || chosen.length === 0 || asksForKey(asked)) {
    const isOne = !asksForKey(asked) && names.length === 1 && chosen === undefined
    return isOne
      ? [`the first line must be ${['key', 'value'].join(SEPARATORS[format])}, perhaps with ttl or expires`]
      : undefined
  }
  return [
    chosen[0] === '--no-header' ? 'where the first line is a record' : 'columns are chosen by their names',
    chosen,
  ]
}

/** Whether a key is chosen, and not only a value, with which the key is the column of that name. */
function asksForKey({ mapping }: Asked): boolean {
  return mapping?.key !== undefined && (mapping.key !== 'key' || mapping.value === undefined)
}

/** The first records after a header, of those that take one line. */
function recordsOf(text: string, dialect: Dialect, width: number): string[][] {
  const lines = text.split(/\r?\n/, SAMPLED + 2).slice(1, -1)
  return lines.map((line) => fieldsOf(line, dialect) ?? []).filter(({ length }) => length === width)
}

/** Whether the columns that the key and the value are made of are all there. */
function keyIsThere(names: readonly string[], { mapping }: Asked): boolean {
  const { fields } = fieldMapping(mapping!.key!, mapping!)
  return fields.names.every((name, n) => columnNamed(name, fields.paths[n]!, names) >= 0)
}

/** The options that choose a key, and perhaps a value, among the columns of a header; none where it is a right one. */
function keyOptions(
  names: readonly string[],
  records: readonly (readonly string[])[],
  { mapping }: Asked,
): string[] | undefined {
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
  // The first that tells the records apart.
  const telling = names.find((name, n) => {
    if (name === mapping?.value) return false
    const texts = new Set(records.map((record) => record[n]!))
    return texts.size === records.length && !texts.has('')
  })
  const key = fieldText((known ? named('key') : undefined) ?? telling ?? names[0]!)
  const value = known ? named('value') : names.length === 2 && telling !== names[1] ? names[1] : undefined
  const valueText = value === undefined ? undefined : fieldText(value)
  if (key === undefined) return undefined
  return ['--key', key, ...(valueText === undefined ? [] : ['--value', valueText])]
}
