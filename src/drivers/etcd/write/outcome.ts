import type { Stored } from '../wire/messages.ts'

/** What became of a transaction. */
export interface Outcome {
  /** Of the write. */
  readonly revision: number
  /** Which condition does not hold, the first; then nothing was written. */
  readonly failed?: { readonly at: number; readonly old: Stored | undefined } | undefined
  /** Whether the first key that is changed was there before; `undefined`: that is not known. */
  readonly wasThere: boolean | undefined
}
