import type { Completion } from './menu.ts'
import type { TypedText } from './typed-text.ts'

/** What the editor asks while a line is typed. */
export interface Assistant {
  /** The ways to complete what is before the cursor. Aborted when the user does not wait for them. */
  complete(text: string, cursor: number, signal: AbortSignal): Promise<Completion>
  /** The arguments that are still missing, at the end of a line. */
  hint(text: string): Promise<string>
  /**
   * What is worth knowing about the line as it is, once the user pauses; `undefined`: nothing. Aborted when the line
   * changes.
   */
  live(text: string, signal: AbortSignal): Promise<string | undefined>
  /** Whether more must follow, such as the end of a quote. */
  unfinished(text: string): boolean
  /** A text that was pasted, as it is to stand in the line. */
  pasted(text: TypedText): TypedText
  /** The text after the user has changed it in an editor of theirs. Throws a KvError when that fails. */
  edit(text: TypedText): Promise<string>
  /** Tells the user what went wrong. */
  report(error: unknown): void
  /** Said at Ctrl-D after a text, where a second one ends it; `undefined`: Ctrl-D ends an empty line only. */
  readonly endsText: string | undefined
}

/** No way to complete anything. */
export const NO_COMPLETION: Completion = { from: 0, to: 0, candidates: [], footer: '' }

/** Helps with nothing. */
export const NO_ASSISTANT: Assistant = {
  complete: async () => NO_COMPLETION,
  hint: async () => '',
  live: async () => undefined,
  unfinished: () => false,
  pasted: (text) => text,
  edit: async (text) => text,
  report: () => {},
  endsText: undefined,
}
