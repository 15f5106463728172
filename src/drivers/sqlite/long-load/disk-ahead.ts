import { putOnDisk } from '../file/place-file.ts'

/** Bytes after which a file is put on disk once more. */
const STEP_BYTES = 64 << 20

/** Puts a file that grows on disk now and then, beside what writes it, so that little is left to wait for in the end. */
export class DiskAhead {
  readonly #path: string
  #bytes = 0
  #underWay: Promise<void> | undefined
  #failure: unknown

  constructor(path: string) {
    this.#path = path
  }

  /** So many bytes more were written. */
  wrote(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < STEP_BYTES || this.#underWay !== undefined) return
    this.#bytes = 0
    this.#underWay = putOnDisk(this.#path)
      .catch((error: unknown) => void (this.#failure ??= error))
      .finally(() => (this.#underWay = undefined))
  }

  /** Settles when nothing is under way. */
  async end(): Promise<void> {
    await this.#underWay
  }

  /** The same; throws what went wrong, which the system tells only once. */
  async finish(): Promise<void> {
    await this.end()
    if (this.#failure !== undefined) throw this.#failure
  }
}
