/** Of a frame of data, and of skippable frames, whose last four bits are free (RFC 8878, section 3.1). */
const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

/** Bytes of a content checksum. */
const CHECKSUM_BYTES = 4

/** The largest window that is unpacked: as much memory as `zstd --long` asks for. */
const MAX_WINDOW_BYTES = 128 << 20

/** Thrown for data that is right and that kv does not unpack; the message says why, for people. */
export class NotUnpackedError extends Error {
  override readonly name = 'NotUnpackedError'
  /** What the program `zstd` must be called with to unpack it, where that is known. */
  readonly option: string | undefined

  constructor(message: string, option?: string) {
    super(message)
    this.option = option
  }
}

/** Whether bytes begin as a frame of Zstandard does. */
export function isZstd(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && (littleEndian(bytes, 4) === MAGIC || isSkippable(bytes))
}

/** Whether bytes begin as a frame does that a reader shall skip. */
export function isSkippable(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && (littleEndian(bytes, 4) & ~0xf) >>> 0 === SKIPPABLE
}

/**
 * Finds where a frame of Zstandard ends, by the headers of the frame and of its blocks alone (RFC 8878, section 3.1.1),
 * without unpacking anything.
 */
export class ZstdFrame {
  /** The header that is read now, which may lie in several chunks. */
  readonly #header = new Uint8Array(16)
  #length = 0
  #needed = 4
  /** Takes in the header once it is whole, and says which is the next. */
  #take: () => void = () => this.#magic()
  /** Bytes of content to pass before the next header. */
  #content = 0
  #hasChecksum = false
  #isOver = false

  /**
   * Looks at the next bytes of the frame. Returns the offset after its last one, or -1 when it goes on. Throws an
   * `Error` where the bytes are no frame, {@link NotUnpackedError} where it needs a dictionary or too much memory.
   */
  end(chunk: Uint8Array): number {
    for (let at = 0; ;) {
      const passed = Math.min(this.#content, chunk.length - at)
      at += passed
      this.#content -= passed
      if (this.#content > 0) return -1
      if (this.#isOver) return at
      while (this.#length < this.#needed) {
        if (at === chunk.length) return -1
        this.#header[this.#length++] = chunk[at++]!
      }
      this.#length = 0
      this.#take()
    }
  }

  #expect(bytes: number, take: () => void): void {
    this.#needed = bytes
    this.#take = take
  }

  #magic(): void {
    if (isSkippable(this.#header)) {
      this.#expect(4, () => this.#last(littleEndian(this.#header, 4)))
    } else if (isZstd(this.#header)) {
      this.#expect(1, () => this.#descriptor(this.#header[0]!))
    } else {
      throw new Error('what follows is not Zstandard')
    }
  }

  #descriptor(descriptor: number): void {
    if ((descriptor & 8) !== 0) throw new Error('a header is wrong')
    const isSingleSegment = (descriptor & 0x20) !== 0
    this.#hasChecksum = (descriptor & 4) !== 0
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
    const windowBytes = isSingleSegment ? 0 : 1
    this.#expect(windowBytes + dictionaryBytes + sizeBytes, () => {
      const [fields, sizeAt] = [this.#header, windowBytes + dictionaryBytes]
      if (littleEndian(fields.subarray(windowBytes), dictionaryBytes) !== 0)
        throw new NotUnpackedError('it is packed with a dictionary')
      // Without a window of its own, the whole content is the window.
      checkWindow(isSingleSegment ? littleEndian(fields.subarray(sizeAt), sizeBytes) : windowOf(fields[0]!))
      this.#expect(3, () => this.#block(littleEndian(this.#header, 3)))
    })
  }

  #block(header: number): void {
    const type = (header >>> 1) & 3
    if (type === 3) throw new Error('a block is wrong')
    // A run is one byte, however long.
    const bytes = type === 1 ? 1 : header >>> 3
    if ((header & 1) === 0) this.#content = bytes
    else this.#last(bytes + (this.#hasChecksum ? CHECKSUM_BYTES : 0))
  }

  /** Of the frame, only so many bytes are left. */
  #last(bytes: number): void {
    this.#content = bytes
    this.#isOver = true
  }
}

/** The bytes of a window as a frame's header describes it. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3))
  return base + (base / 8) * (descriptor & 7)
}

function checkWindow(bytes: number): void {
  if (bytes > MAX_WINDOW_BYTES)
    throw new NotUnpackedError(
      `it takes ${Math.ceil(bytes / 2 ** 20)} MiB of memory to unpack, and kv takes 128 MiB`,
      '--long=31',
    )
}

function littleEndian(bytes: Uint8Array, length: number): number {
  let value = 0
  for (let at = length - 1; at >= 0; at--) value = value * 256 + bytes[at]!
  return value
}
