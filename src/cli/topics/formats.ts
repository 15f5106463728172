/** `kv help formats` */
export const FORMATS_TOPIC = `
Forms of output (--format)
  table   for people; the default for entries on a terminal
  pretty  the key, and below it the value, JSON indented and coloured
  jsonl   one JSON object a line; the default for entries elsewhere, and what --json means
  json    one array
  csv     a header line, then key,value; and expires when one of the entries does
  tsv     the same with tabs; no quotes, tab, line ends and backslash as \\t \\n \\r \\\\
  raw     each value's bytes and a line feed (range -0: a NUL)

A JSON Lines entry is {"key":"user:1","value":"Ada"}; bytes that are not UTF-8 stand under
key_base64 or value_base64; an entry that expires has "expires", a time such as
2030-01-31T12:00:00.000Z. So kv range | kv batch-put copies a store exactly. CSV and TSV can
say bytes that are no text only with --key-encoding or --value-encoding, whose columns are
key_hex, value_base64 and so on.

--columns and --template of kv range and kv get print fields of JSON values: kv help templates.

Forms of input (kv batch-put --format; else the file name decides, else the content)
  jsonl   {"key":K,"value":V} or [K,V] a line, perhaps with "ttl" (seconds, or "10m") or
          "expires"; null is none. A string value is stored as its text, any other JSON
          value as its exact source. {"del":K} deletes; so what kv watch --json prints can be
          played into another store.
  json    an array of such records, or an object that maps keys to values; also several
          documents one after another. --at data.items: the records are below that field.
          A .json file with a record a line is read as jsonl.
  csv     a header line that names key and value, perhaps ttl or expires; key_base64,
          value_hex and so on stand in their place. --delimiter, --quote, --no-header and
          --fields for other habits.
  tsv     the same with tabs; no quotes, but \\t \\n \\r and \\\\ as escapes
  lines   (--lines) a key a line, with an empty value
  --files each file is an entry: its path the key, its bytes the value

With --key the records may have any fields: --key id, or --key 'user:{id}'. The value is then the
whole record as JSON, a record of CSV as an object of its columns; or what --value names.
gzip and Zstandard are told by content. --encoding latin1 and others: text that is not UTF-8.
`
