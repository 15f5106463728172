import type { EntryForm, EntryWriter, Output } from './format.ts'

/** Writes the bytes of each value, or of each key, with a line feed or a NUL after it. */
export function rawWriter({ text: out }: Output, { only, keyEncoding, valueEncoding, nul }: EntryForm): EntryWriter {
  const field = only ?? 'value'
  const encoding = field === 'key' ? keyEncoding : valueEncoding
  const end = nul ? '\0' : '\n'
  return {
    write(entry) {
      if (encoding === 'utf8') out.bytes(entry[field])
      else out.encoded(entry[field], encoding)
      out.text(end)
    },
  }
}
