import { JsonScanner } from '../../formats/json/scanner.ts'

/** Where UTF-8 text stops being JSON, for people: its bytes are not repeated. */
export function jsonFault(text: Buffer): string {
  const scanner = new JsonScanner()
  scanner.reset(text, text.length)
  const end = scanner.value(scanner.space(0))
  const at = end < 0 ? scanner.failedAt : scanner.space(end)
  if (at >= text.length) return 'it ends too early'
  const before = text.toString('utf8', 0, at)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  return `line ${before.split('\n').length}, column ${[...line].length + 1}`
}
