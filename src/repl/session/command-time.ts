/** How long a command took, without what it waited for the user and for the readers of its output. */
export class CommandTime {
  /** Of the newest command, in milliseconds. */
  ms = 0
  #waitedMs = 0

  /** Runs a command and takes its time. */
  async of<T>(command: () => Promise<T>): Promise<T> {
    this.#waitedMs = 0
    const began = performance.now()
    const result = await command()
    this.ms = performance.now() - began - this.#waitedMs
    return result
  }

  /** Runs a step whose time does not count. */
  async without<T>(step: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await step()
    } finally {
      this.waited(performance.now() - began)
    }
  }

  /** So many milliseconds do not count. */
  waited(ms: number): void {
    this.#waitedMs += ms
  }
}
