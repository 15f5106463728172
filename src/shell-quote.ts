/**
 * A word as it must be written for a POSIX shell, and for a session, to read it back. Control
 * characters become escapes within `$'...'`, so that the word stays on one line.
 */
export function quoteWord(text: string): string {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return `$'${escapeInQuote(text)}'`
  if (!text.startsWith('~') && (/^[\w@%+=:,./~^-]+$/u.test(text) || /^[^\s"'\\#$`|<>;&()*?[\]!{}]+$/u.test(text)))
    return text
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** Text as it stands within `$'...'`. */
export function escapeInQuote(text: string): string {
  return text.replaceAll(/[\\'\u0000-\u001f\u007f-\u009f]/g, escapeForQuote)
}

function escapeForQuote(char: string): string {
  if (char === '\\' || char === "'") return `\\${char}`
  if (char === '\n') return String.raw`\n`
  if (char === '\t') return String.raw`\t`
  const code = char.charCodeAt(0)
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** The command that moves a file out of the way. */
export function moveAway(path: string): string {
  return `mv ${quoteWord(path)} ${quoteWord(`${path}.old`)}`
}

/** The beginning of a command line of kv for a store: `store` is how it is named to `--store`. */
export function kvFor(store: string): string {
  return `kv --store ${quoteWord(store)}`
}

/** What to do about a store that is damaged: `store` is how it is named to `--store`. */
export function damageHint(store: string): string {
  const kv = kvFor(store)
  return `what can be read is saved by: ${kv} salvage saved.kv; or put a backup in its place: ${kv} restore FILE`
}
