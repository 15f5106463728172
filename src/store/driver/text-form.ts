/** A form of text in which an engine may write entries, a line each. */
export interface TextForm {
  /** As the lines of `kv range --format` are. Default: `jsonl`. */
  readonly form?: 'jsonl' | 'csv' | 'tsv' | undefined
  /** Whether CSV and TSV have a third column that says when an entry expires. Default: false. */
  readonly expires?: boolean | undefined
}
