import { quoteWord } from '../shell-quote.ts'

/** How the user gives an input to batch-put, for hints that can be pasted. */
export interface InputSource {
  /** The file as it was named; `undefined`: standard input. */
  readonly file: string | undefined
  /** What `--store` must say; `undefined` when the store is found without. */
  readonly store: string | undefined
  /** The program that unpacks it (`gzip -dc`), of an input that is packed. */
  readonly unpack?: string | undefined
  /** The options that say what the records are (`--key id`), which hold for every other way to give it as well. */
  readonly options?: readonly (readonly string[])[]
}

/** Options that have a meaning for some formats only. */
const FOR_JSON: readonly string[] = ['--at']
const FOR_TABLES: readonly string[] = ['--delimiter', '--quote', '--fields', '--no-header']

/** The command that reads the input with more options, which take the place of their like. */
export function again(source: InputSource, options: readonly string[]): string {
  const format = options.includes('--format') ? options[options.indexOf('--format') + 1] : undefined
  const foreign = format === undefined ? [] : ['csv', 'tsv'].includes(format) ? FOR_JSON : FOR_TABLES
  const given = source.options?.filter(([name]) => !foreign.includes(name!) && !options.includes(name!))
  const file = source.file === undefined ? [] : [fileWord(source.file)]
  return [batchPut({ ...source, options: given ?? [] }), ...options.map(quoteWord), ...file].join(' ')
}

/** The command that puts programs before batch-put: `xz -dc rows.xz | kv batch-put --format csv`. */
export function through(source: InputSource, program: string, format: string, ...next: readonly string[]): string {
  return intoBatchPut(source, [fed(source, program), ...next].join(' | '), format)
}

/** The same for a program that reads its standard input only. */
export function throughFilter(source: InputSource, program: string, format: string): string {
  return intoBatchPut(source, fed(source, program, ' <'), format)
}

/** The command that copies a store which was named as an input. */
export function copyOf(file: string, source: InputSource): string {
  return intoBatchPut(source, `kv --store ${fileWord(file)} range`, 'jsonl')
}

/** A program that gets the input, unpacked: a file that is not packed by its name, any other through a pipe. */
function fed(source: InputSource, program: string, redirect = ''): string {
  const { file, unpack } = source
  return file !== undefined && unpack === undefined
    ? `${program}${redirect} ${fileWord(file)}`
    : `${sent(source)} | ${program}`
}

/** What sends the input, unpacked, into a pipe. */
function sent({ file, unpack }: InputSource): string {
  if (file !== undefined) return `${unpack} ${fileWord(file)}`
  return unpack === undefined ? '...' : `... | ${unpack}`
}

/** The name of a file as a word that no program takes for an option. */
function fileWord(file: string): string {
  return quoteWord(file.startsWith('-') ? `./${file}` : file)
}

function intoBatchPut(source: InputSource, command: string, format: string): string {
  return `${command} | ${batchPut(source)}${format === 'jsonl' ? '' : ` --format ${format}`}`
}

function batchPut({ store, options = [] }: InputSource): string {
  const words = [...(store === undefined ? [] : ['--store', store]), ...options.flat()]
  return ['kv batch-put', ...words.map(quoteWord)].join(' ')
}
