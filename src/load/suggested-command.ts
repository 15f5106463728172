import { quoteWord } from '../shell-quote.ts'

/** How the user gives an input to batch-put, for hints that can be pasted. */
export interface InputSource {
  /** The file as it was named; `undefined`: standard input. */
  readonly file: string | undefined
  /** What `--store` must say; `undefined` when the store is found without. */
  readonly store: string | undefined
  /** The program that unpacks it (`gzip -dc`), of an input that is packed. */
  readonly unpack?: string | undefined
  /** Whether it begins with a byte order mark, which after another line would belong to a key. */
  readonly hasMark?: boolean
}

/** The command that reads the input in another form. */
export function withFormat(source: InputSource, format: string): string {
  return `${batchPut(source)} --format ${format}${source.file === undefined ? '' : ` ${fileWord(source.file)}`}`
}

/** The command that puts programs before batch-put: `xz -dc rows.xz | kv batch-put --format csv`. */
export function through(source: InputSource, program: string, format: string, ...next: readonly string[]): string {
  const { file = '' } = source
  const pipe = sent(source)
  const first = pipe === undefined ? `${program} ${fileWord(file)}` : `${pipe} | ${program}`
  return intoBatchPut(source, [first, ...next].join(' | '), format)
}

/** The same for a program that reads its standard input only. */
export function throughFilter(source: InputSource, program: string, format: string): string {
  const { file = '' } = source
  const pipe = sent(source)
  return intoBatchPut(source, pipe === undefined ? `${program} < ${fileWord(file)}` : `${pipe} | ${program}`, format)
}

/** The command that reads the input with a line before it, which `first` prints. */
export function after(source: InputSource, first: string, format: string): string {
  const { file, hasMark = false } = source
  const pipe = sent(source)
  const rest = hasMark ? 'tail -c +4' : 'cat'
  if (file === undefined) return intoBatchPut(source, `${pipe} | (${first}; ${rest})`, format)
  return intoBatchPut(
    source,
    `(${first}; ${pipe === undefined ? `${rest} ${fileWord(file)}` : hasMark ? `${pipe} | ${rest}` : pipe})`,
    format,
  )
}

/** The command that copies a store which was named as an input. */
export function copyOf(file: string, source: InputSource): string {
  return intoBatchPut(source, `kv --store ${fileWord(file)} range`, 'jsonl')
}

/** What sends the input, unpacked, into a pipe; `undefined` for a file that a program can read itself. */
function sent({ file, unpack }: InputSource): string | undefined {
  if (file === undefined) return unpack === undefined ? '...' : `... | ${unpack}`
  return unpack === undefined ? undefined : `${unpack} ${fileWord(file)}`
}

/** The name of a file as a word that no program takes for an option. */
function fileWord(file: string): string {
  return quoteWord(file.startsWith('-') ? `./${file}` : file)
}

function intoBatchPut(source: InputSource, command: string, format: string): string {
  return `${command} | ${batchPut(source)}${format === 'jsonl' ? '' : ` --format ${format}`}`
}

function batchPut({ store }: InputSource): string {
  return store === undefined ? 'kv batch-put' : `kv batch-put --store ${quoteWord(store)}`
}
