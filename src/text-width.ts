import stringWidth from 'string-width'

/** Cuts text into characters as a person sees them. */
export const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Characters as a person sees them; `\r\n` does not occur. */
export function graphemes(text: string): Iterable<string> {
  if (/^[\n -~]*$/.test(text)) return text
  return Array.from(GRAPHEMES.segment(text), ({ segment }) => segment)
}

/** Cuts a line of plain text to a width, with an ellipsis where something is missing. */
export function cutToWidth(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let cut = ''
  let used = 0
  for (const piece of graphemes(text)) {
    used += stringWidth(piece)
    if (used > width - 1) break
    cut += piece
  }
  return `${cut}…`
}
