import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Block } from '../../../blocks/block.ts'

/** Numbers before each block: its entries, its bytes, whether any expires, whether any is a delete, and whether they came in another order. */
const HEAD = 5

/** Blocks in a temporary file without a name, which goes with the process: memory stays flat however many there are. */
export class BlockSpool {
  readonly #file = newFile()
  #length = 0

  /** Puts a block aside. Throws what the file system throws. */
  add(block: Block): void {
    const { count, bytes, expires, deleted, order } = block
    const has = [expires, deleted, order].map((column) => Number(column !== undefined))
    this.#write(Uint32Array.of(count, bytes.length, ...has))
    for (const column of [block.keyStart, block.keyLength, block.valueStart, block.valueLength, block.checksums])
      this.#write(column.subarray(0, count))
    if (expires !== undefined) this.#write(expires.subarray(0, count))
    if (deleted !== undefined) this.#write(deleted.subarray(0, count))
    if (order !== undefined) this.#write(order.subarray(0, count))
    this.#write(bytes)
  }

  /** The blocks in their order. */
  *blocks(): Generator<Block, void, void> {
    for (let at = 0; at < this.#length;) {
      const read = <A extends Uint8Array | Uint32Array | Float64Array>(array: A): A => {
        this.#read(array, at)
        at += array.byteLength
        return array
      }
      const [count = 0, length = 0, hasExpiry, hasDeletes, hasOrder] = read(new Uint32Array(HEAD))
      const column = (): Uint32Array => read(new Uint32Array(count))
      // In the order in which they were written.
      yield {
        count,
        keyStart: column(),
        keyLength: column(),
        valueStart: column(),
        valueLength: column(),
        checksums: column(),
        expires: hasExpiry === 0 ? undefined : read(new Float64Array(count)),
        deleted: hasDeletes === 0 ? undefined : read(new Uint8Array(count)),
        order: hasOrder === 0 ? undefined : column(),
        bytes: read(new Uint8Array(length)),
      }
    }
  }

  /** Frees the file. */
  close(): void {
    closeSync(this.#file)
  }

  #write(array: Uint8Array | Uint32Array | Float64Array): void {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at, bytes.length - at, this.#length + at)
    this.#length += bytes.length
  }

  #read(array: Uint8Array | Uint32Array | Float64Array, from: number): void {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let at = 0; at < bytes.length;) {
      const read = readSync(this.#file, bytes, at, bytes.length - at, from + at)
      if (read === 0) throw new Error('the file of blocks put aside is cut off')
      at += read
    }
  }
}

function newFile(): number {
  const path = join(tmpdir(), `kv-load-${process.pid}-${Math.random().toString(36).slice(2)}`)
  const file = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return file
}
