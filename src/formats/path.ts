import { usageError } from '../errors.ts'
import { quoteWord } from '../shell-quote.ts'

/** Names from the outside to the inside: where a field lies in a record. */
export type Path = readonly string[]

/** One name of a path: in double quotes as a JSON string, or as it is up to the next dot. */
const STEP = /("(?:[^"\\]|\\.)*"|[^."]+)(?:\.|$)/y

/**
 * The path that text such as `id`, `address.city`, `tags.0` or `"a.b".c` names: names joined by dots, in double quotes
 * (a JSON string) where a name has a dot or a quote in it. Throws `KV_USAGE` for anything else.
 */
export function parsePath(text: string): Path {
  const steps: string[] = []
  const wrong = (): Error =>
    usageError(
      `not a field: ${text === '' ? "''" : text}`,
      text === ''
        ? `names joined by dots: id, address.city, '"a.b".c'`
        : `names are joined by dots; where that is one name: ${quoteWord(JSON.stringify(text))}`,
    )
  STEP.lastIndex = 0
  while (STEP.lastIndex < text.length) {
    const [, step] = STEP.exec(text) ?? []
    if (step === undefined) throw wrong()
    try {
      steps.push(step.startsWith('"') ? (JSON.parse(step) as string) : step)
    } catch {
      throw wrong()
    }
  }
  if (steps.length === 0 || text.endsWith('.')) throw wrong()
  return steps
}

/** The text that {@link parsePath} reads as this path, also within a template and in a list of columns. */
export function pathText(path: Path): string {
  return path
    .map((name) => (/^[^\s".,{}:](?:[^".,{}:]*[^\s".,{}:])?$/.test(name) ? name : JSON.stringify(name)))
    .join('.')
}
