import { quoteWord } from '../shell-quote.ts'

/** How the user gives an input to batch-put, for hints that can be pasted. */
export interface Given {
  /** The file as it was named; `undefined`: standard input. */
  readonly file: string | undefined
  /** What `--store` must say; `undefined` when the store is found without. */
  readonly store: string | undefined
}

/** The command that takes the input in another form. */
export function withFormat({ file, store }: Given, format: string): string {
  return file === undefined ? `${command(store)} --format ${format}` : `${command(store)} --format ${format} ${quoteWord(file)}`
}

/** The command that puts a program before batch-put: `xz -dc rows.xz | kv batch-put --format csv`. */
export function through({ file, store }: Given, program: string, format: string): string {
  const input = file === undefined ? `... | ${program}` : `${program} ${quoteWord(file)}`
  return `${input} | ${command(store)}${format === 'jsonl' ? '' : ` --format ${format}`}`
}

function command(store: string | undefined): string {
  return store === undefined ? 'kv batch-put' : `kv batch-put --store ${quoteWord(store)}`
}
