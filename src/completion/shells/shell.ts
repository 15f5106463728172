import type { Suggestions } from '../suggest.ts'

/** A line as a shell sends it. */
export interface SentLine {
  /** The words before the one being typed, without the program. */
  readonly words: readonly string[]
  /** The one being typed. */
  readonly word: string
  /** Whether that is the file of a redirection. */
  readonly isTarget: boolean
  /** What the shell's script reads, for these suggestions. */
  answer(found: Suggestions): string
}

/** A shell that completes the command lines of kv. */
export interface Shell {
  /** Its script, which asks kv at every Tab. */
  readonly script: string
  /** Reads what the script sends, by the variables of the environment. */
  read(sent: readonly string[], env: Readonly<Record<string, string | undefined>>): SentLine
}
