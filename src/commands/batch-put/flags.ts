import type { Command } from 'commander'
import { choiceOption, syncOption } from '../../cli/line/shared-options.ts'
import { parseDuration } from '../../duration.ts'
import { oneOf, usageError } from '../../errors.ts'
import { DIALECTS, dialectWith, fieldsOf } from '../../formats/csv/row.ts'
import { fieldMapping } from '../../formats/mapping.ts'
import { INPUT_FORMATS, type InputFormat } from '../../formats/parsers.ts'
import { parsePath } from '../../formats/path.ts'
import type { ParserOptions } from '../../formats/record-reader.ts'
import { type Encoding, encodingOf } from '../../load/encoding/encoding.ts'

/** The flags of `kv batch-put`, as commander gives them. */
export interface Flags {
  key?: string
  value?: string
  at?: string
  prefix?: string
  ttl?: string
  ifAbsent?: boolean
  lines?: boolean
  files?: boolean
  '0'?: boolean
  delimiter?: string
  quote?: string
  header: boolean
  fields?: string
  encoding?: string
  onError?: 'stop' | 'skip'
  rejects?: string
  maxErrors?: number
  atomic?: boolean
  dryRun?: boolean
  sync: boolean
}

/** What the flags ask for. */
export interface Request {
  /** Absent: the name of each input, or its content, tells. */
  readonly format: InputFormat | undefined
  /** Each file is an entry. */
  readonly isFiles: boolean
  /** The options that say what the records are, as they were given: for the commands of hints. */
  readonly given: readonly (readonly string[])[]
  readonly parser: Pick<ParserOptions, 'mapping' | 'at' | 'columns' | 'nul' | 'delimiter' | 'quote'>
  /** Of the text; `undefined`: UTF-8, or no text. */
  readonly encoding: Encoding | undefined
  readonly ifAbsent: boolean
  /** How many records may be refused; `undefined`: as many as there are. */
  readonly maxErrors: number | undefined
  readonly skip: boolean
  readonly rejects: string | undefined
  readonly atomic: boolean
  readonly dryRun: boolean
}

/** Adds the options of `kv batch-put`. */
export function withFlags(command: Command): Command {
  return command
    .optionsGroup('Key and value:')
    .option('--key <field>', "the field that is the key, or a template such as 'user:{id}': kv help templates")
    .option('--value <field>', 'the same for the value; with --key and without this, the whole record as JSON')
    .option('--at <field>', 'where in a JSON document the records are: data.items')
    .option('--prefix <text>', 'goes before every key')
    .option('--ttl <time>', 'let entries expire that say nothing of it: 500ms 90s 10m 2h 7d')
    .option('--if-absent', 'leave keys that are there as they are; of equal keys the first stays')
    .optionsGroup('Form of the input:')
    .option('--lines', 'each line is a key')
    .option('--files', 'each file is an entry, its path the key; without FILE their names are read from standard input')
    .option('-0', 'with --lines and --files: lines and names end in a NUL')
    .option('--delimiter <char>', 'what is between the fields of CSV; tab is a word for a tab')
    .option('--quote <char>', "what is around fields of CSV; '' is nothing")
    .option('--no-header', 'the first line of CSV or TSV is a record')
    .option('--fields <names>', 'with --no-header, names of the columns: id,name,city')
    .option('--encoding <name>', 'how the text is encoded: latin1, utf-16, shift_jis and others')
    .optionsGroup('Faults:')
    .addOption(choiceOption('--on-error <what>', 'at a bad record', ['stop', 'skip']).default(undefined))
    .option(
      '--rejects <file>',
      'with --on-error skip, write the refused records there: JSON Lines with file, line, reason and source',
    )
    .option('--max-errors <n>', 'skip bad records, but end when there are more than so many', parseCount)
    .option('--atomic', 'all or nothing, in one transaction')
    .option('--dry-run', 'store nothing: say how many would be, show the first five, and name what is refused')
    .addOption(syncOption())
}

/**
 * What the flags ask for. `formatFlag` is that of `--format`. Throws `KV_USAGE` for flags that do not go together, or
 * have no meaning for the form of the input.
 */
export function requestOf(flags: Flags, formatFlag: string | undefined): Request {
  const { key, value, at, prefix, ttl, lines = false, files = false, atomic = false, dryRun = false } = flags
  const named =
    formatFlag === undefined ? undefined : oneOf(INPUT_FORMATS, formatFlag, `batch-put cannot read ${formatFlag}`)
  const skip = (flags.onError ?? (flags.maxErrors === undefined ? 'stop' : 'skip')) === 'skip'
  if (flags.rejects !== undefined && !skip) throw usageError('--rejects needs --on-error skip')
  if (flags.maxErrors !== undefined && !skip) throw usageError('--max-errors does not go with --on-error stop')
  if (flags.rejects === '-')
    throw usageError('--rejects takes a file', 'standard output is /dev/stdout, a file of that name ./-')
  if (lines && files) throw usageError('--lines and --files exclude each other')
  if (named !== undefined && (files || (lines && named !== 'lines')))
    throw usageError(`--${lines ? 'lines' : 'files'} does not go with --format ${named}`)
  const isTable = flags.delimiter !== undefined || flags.quote !== undefined
  const format = lines ? 'lines' : (named ?? (isTable ? 'csv' : undefined))
  if (flags[0] && format !== 'lines' && !files) throw usageError('-0 is for --lines and --files')
  const forTables = [
    ...(flags.header ? [] : ['--no-header']),
    ...(['delimiter', 'quote', 'fields'] as const)
      .filter((name) => flags[name] !== undefined)
      .map((name) => `--${name}`),
  ]
  if (forTables.length > 0 && (files || (format !== undefined && format !== 'csv' && format !== 'tsv')))
    throw usageError(`${forTables[0]} is for CSV and TSV`)
  if (isTable && format === 'tsv') throw usageError(`${forTables.at(-1)} is for CSV`, '--format csv --delimiter tab')
  if (flags.fields !== undefined && flags.header)
    throw usageError('--fields needs --no-header', 'a header names the columns itself')
  if (at !== undefined && (files || (format !== undefined && format !== 'json' && format !== 'jsonl')))
    throw usageError('--at is for JSON')
  if (files && flags.encoding !== undefined)
    throw usageError('--encoding is for text; --files stores bytes as they are')
  if (files && value !== undefined) throw usageError('the value of --files is what is in the file')
  const mapping = {
    key: key ?? (value === undefined ? undefined : 'key'),
    value,
    prefix: prefix === undefined ? undefined : new Uint8Array(Buffer.from(prefix)),
    ttl: ttl === undefined ? undefined : parseDuration(ttl, 'time to live'),
  }
  const delimiter = flags.delimiter === undefined ? undefined : byteOf('--delimiter', flags.delimiter)
  const quote = flags.quote === undefined ? undefined : flags.quote === '' ? -1 : byteOf('--quote', flags.quote)
  const dialect = dialectWith(DIALECTS.csv, { delimiter, quote })
  if (isTable && dialect.delimiter === dialect.quote)
    throw usageError(`${flags.delimiter ?? ','} cannot be delimiter and quote both`)
  // Here, so that a wrong template is a wrong call before anything is read.
  if (mapping.key !== undefined) fieldMapping(mapping.key, mapping)
  return {
    format: at !== undefined ? (format ?? 'json') : format,
    isFiles: files,
    given: givenAgain(flags),
    parser: {
      mapping: Object.values(mapping).some((part) => part !== undefined) ? mapping : undefined,
      at: at === undefined ? undefined : parsePath(at),
      columns: flags.header ? undefined : flags.fields === undefined ? [] : namesOf(flags.fields),
      nul: flags[0],
      delimiter,
      quote,
    },
    encoding: flags.encoding === undefined ? undefined : encodingOf(flags.encoding),
    ifAbsent: flags.ifAbsent ?? false,
    maxErrors: flags.maxErrors,
    skip,
    rejects: flags.rejects,
    atomic,
    dryRun,
  }
}

/** The names in a line of CSV. */
function namesOf(line: string): string[] {
  const names = fieldsOf(line, DIALECTS.csv)
  if (names === undefined) throw usageError(`--fields takes names with commas between, not ${line}`, 'id,name,city')
  return names
}

/** The options of the first two groups, but for those that name a form of the input. */
function givenAgain(flags: Flags): string[][] {
  const names = ['key', 'value', 'at', 'prefix', 'ttl', 'delimiter', 'quote', 'fields', 'encoding'] as const
  return [
    ...names.flatMap((name) => (flags[name] === undefined ? [] : [[`--${name}`, flags[name]]])),
    ...(flags.ifAbsent === true ? [['--if-absent']] : []),
    ...(flags.header ? [] : [['--no-header']]),
  ]
}

function byteOf(option: string, text: string): number {
  const char = text === 'tab' || text === '\\t' ? '\t' : text
  const code = char.charCodeAt(0)
  if (char.length !== 1 || code > 0x7f || char === '\n' || char === '\r')
    throw usageError(`${option} takes one ASCII character, not ${text === '' ? "''" : text}`, 'a tab is the word tab')
  return code
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count))
    throw usageError(`--max-errors wants a whole number of 0 or more, not ${text}`)
  return count
}
