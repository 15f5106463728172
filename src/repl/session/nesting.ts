import { usageError } from '../../errors.ts'

/** Commands that may run each other, as scripts within scripts. */
const MAX_DEPTH = 16

/** Counts how deep commands run others. */
export class Nesting {
  #depth = 0

  /** Whether no command is running that runs others. */
  get isOuter(): boolean {
    return this.#depth === 0
  }

  /** Runs a step that runs commands, such as those of the script `name`. Throws `KV_USAGE` when that goes too deep. */
  async within<T>(name: string, step: () => Promise<T>): Promise<T> {
    if (this.#depth === MAX_DEPTH) throw usageError(`${name}: scripts within scripts, ${MAX_DEPTH} deep`)
    this.#depth++
    try {
      return await step()
    } finally {
      this.#depth--
    }
  }
}
