/** Bytes that come in chunks, some of which can be given back. */
export interface ChunkSource {
  /** The next chunk, never an empty one; `undefined` at the end. Rejects where reading fails. */
  next(): Promise<Uint8Array | undefined>
  /** Gives back what was not needed: the next chunk is this. */
  unread(bytes: Uint8Array): void
}

/** A {@link ChunkSource} of whatever yields chunks. */
export class ByteSource implements ChunkSource {
  readonly #chunks: AsyncIterator<Uint8Array>
  #unread: Uint8Array | undefined

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks
  }

  async next(): Promise<Uint8Array | undefined> {
    const unread = this.#unread
    if (unread !== undefined) {
      this.#unread = undefined
      return unread
    }
    for (;;) {
      const { done, value } = await this.#chunks.next()
      if (done === true) return undefined
      if (value.length > 0) return value
    }
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#unread = this.#unread === undefined ? bytes : Buffer.concat([bytes, this.#unread])
  }

  /** The next so many bytes, or as many as there are. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = await this.peek(length)
    this.#unread = undefined
    this.unread(bytes.subarray(length))
    return bytes.subarray(0, length)
  }

  /** At least the next so many bytes, or as many as there are; they stay the next ones. */
  async peek(length: number): Promise<Uint8Array> {
    let bytes = await this.next()
    while (bytes !== undefined && bytes.length < length) {
      const more = await this.next()
      if (more === undefined) break
      bytes = Buffer.concat([bytes, more])
    }
    this.#unread = bytes
    return bytes ?? new Uint8Array()
  }
}
