import { type CompletionHost, type TypedLine, typedLine } from '../../completion/typed-line.ts'
import type { Store } from '../../store/store.ts'
import { type CommandLine, lexLine } from '../language/lexer.ts'

/** What completion and hints ask of a session. */
export interface CompletionSession extends CompletionHost {
  store(): Promise<Store>
}

/** What has been typed of a line of a session. */
export interface LineContext extends TypedLine {
  /** Where the word being typed begins. */
  readonly from: number
}

/**
 * Explains a line that ends at the cursor. `undefined` where there is nothing to explain: after
 * `|`, `>` or `<`, or when it cannot be read.
 */
export async function lineContext(session: CompletionSession, text: string): Promise<LineContext | undefined> {
  let line: CommandLine
  let start = 0
  try {
    line = lexLine(text)
    while (line.next < text.length || (text.endsWith('\n') && start !== line.next))
      line = lexLine(text, (start = line.next))
  } catch {
    return undefined
  }
  if (line.shell !== undefined || /[<>#]/.test(text.slice(line.words.at(-1)?.end ?? start))) return undefined
  const words = [...line.words]
  // A quote that is still open ends its word beyond the text.
  const typed = (words.at(-1)?.end ?? -1) >= text.length ? words.pop() : undefined
  const before = words.map((word) => word.text)
  if (before[0] === 'kv') before.shift()
  return { ...(await typedLine(session, before, typed?.text ?? '')), from: typed?.start ?? text.length }
}
