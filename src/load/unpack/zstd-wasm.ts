import { ZSTDDecoder } from 'zstddec/stream'
import type { ChunkSource } from '../byte-source.ts'

/** The functions of zstd as the package exports them to itself; numbers are addresses and sizes in `memory`. */
interface Zstd {
  readonly memory: { readonly buffer: ArrayBuffer }
  malloc(bytes: number): number
  free(address: number): void
  ZSTD_createDCtx(): number
  ZSTD_freeDCtx(context: number): number
  ZSTD_decompressStream(context: number, output: number, input: number): number
}

/** Bytes given to zstd and taken from it at once: a block. */
const BUFFER_BYTES = 1 << 17

/** Bytes of a `ZSTD_inBuffer` or `ZSTD_outBuffer`: address, size and position. */
const STRUCT_BYTES = 12

/** The numbers above this are errors: the negative ones of a 32-bit `size_t`. */
const FIRST_ERROR = 2 ** 32 - 120

/** Errors of zstd_errors.h that have a name here. */
const ERRORS: Readonly<Record<number, string>> = { 22: 'the checksum is wrong', 64: 'there is not enough memory' }

let zstd: Promise<Zstd> | undefined

/**
 * The package's own streaming wants all input to be there, and repeats the same call for ever where data is damaged, so
 * the functions below it are called here.
 */
async function load(): Promise<Zstd> {
  const decoder = new ZSTDDecoder()
  const init = decoder._init
  let exports: Zstd | undefined
  decoder._init = (result) => {
    init(result)
    exports = result.instance.exports as unknown as Zstd
  }
  await decoder.init()
  return exports!
}

/** Unpacks one frame of Zstandard with zstd in WebAssembly. Throws an `Error` where the frame is damaged. */
export async function* unpackFrame(frame: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
  const { memory, malloc, free, ...calls } = await (zstd ??= load())
  const context = calls.ZSTD_createDCtx()
  const input = malloc(2 * STRUCT_BYTES + 2 * BUFFER_BYTES)
  try {
    if (context === 0 || input === 0) throw new Error(ERRORS[64])
    const output = input + STRUCT_BYTES
    const from = output + STRUCT_BYTES
    const to = from + BUFFER_BYTES
    let left = -1
    for (let chunk; (chunk = await frame.next()) !== undefined;) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + BUFFER_BYTES)
        at += part.length
        new Uint8Array(memory.buffer).set(part, from)
        setBuffer(memory, input, from, part.length)
        let isFull = false
        while (positionOf(memory, input) < part.length || isFull) {
          if (left === 0) throw new Error('a frame ends before its last block')
          setBuffer(memory, output, to, BUFFER_BYTES)
          left = calls.ZSTD_decompressStream(context, output, input) >>> 0
          if (left > FIRST_ERROR) throw new Error(ERRORS[2 ** 32 - left] ?? 'a block is wrong')
          const length = positionOf(memory, output)
          isFull = length === BUFFER_BYTES && left > 0
          if (length > 0) yield new Uint8Array(memory.buffer).slice(to, to + length)
        }
      }
    }
    if (left !== 0) throw new Error('a frame does not end with its last block')
  } finally {
    free(input)
    calls.ZSTD_freeDCtx(context)
  }
}

function setBuffer({ buffer }: Zstd['memory'], struct: number, address: number, size: number): void {
  new Uint32Array(buffer, struct, 3).set([address, size, 0])
}

function positionOf({ buffer }: Zstd['memory'], struct: number): number {
  return new Uint32Array(buffer, struct, 3)[2]!
}
