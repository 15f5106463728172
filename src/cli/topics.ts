import { CODES } from '../errors.ts'
import { GLOBAL_OPTION_LIST, type GlobalOption } from './options.ts'
import { RECIPES } from './topics/recipes.ts'

/** Texts of `kv help TOPIC`. */
export const TOPICS: Readonly<Record<string, string>> = {
  'exit-codes': `
Exit codes
    0  done
    1  a negative answer and nothing else: key not found, condition not met
    2  wrong call: unknown option, missing argument, START after END, key too long
    3  input data refused (batch-put)
    4  the store failed: cannot open, locked, corrupt, disk full, unreachable
   70  a bug in kv
  130  interrupted

An error is one line on stderr that ends with a code. Codes do not change between versions:
${Object.entries(CODES)
  .map(([code, { exit }]) => `  ${code.padEnd(20)} ${exit}`)
  .join('\n')}
`,
  formats: `
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
`,
  recipes: RECIPES,
  environment: `
Environment
${GLOBAL_OPTION_LIST.map(environmentRow).join('\n')}
  KV_TOKEN          token of a kv serve, for http:// stores; KV_TOKEN_FILE: a file with it
  FORCE_COLOR       1: colour also where there is no terminal
A flag wins over its variable.
`,
  durability: `
Durability
  When a command that writes exits 0, its writes are on disk: a power loss after that loses
  nothing. --no-sync gives that up for speed; the store itself stays whole.
  A batch-put that stops at a bad record has stored every record before it and none after.
  Several processes may use one file at once: readers never wait, a writer waits for another
  at most --lock-timeout. Not on network file systems: they do not share memory between hosts.
`,
}

function environmentRow({ flags, variable, help, environmentNote = '' }: GlobalOption): string {
  const means = `${flags.includes('<') ? '' : '1: '}${help.replace(/:.*/, '')}`
  return `  ${variable.padEnd(16)}  ${means} (${/--[a-z-]+/.exec(flags)![0]})${environmentNote}`
}
