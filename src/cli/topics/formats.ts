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

Input of kv batch-put (by file name, or --format): jsonl, json, csv, tsv. gzip and Zstandard are
told by content.
  jsonl   {"key":K,"value":V} or [K,V] a line, perhaps with "ttl" (seconds, or "10m") or
          "expires"; null is none. A string value is stored as its text, any other JSON
          value as its exact source.
  json    an array of such records, or an object that maps keys to values; a .json file
          with a record a line is read as jsonl
  csv     a header line that names key and value, perhaps ttl or expires; key_base64,
          value_hex and so on stand in their place
  tsv     the same with tabs; no quotes, but \\t \\n \\r and \\\\ as escapes
`
