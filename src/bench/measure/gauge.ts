import { closeSync, fdatasyncSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { perSecond } from '../report/numbers.ts'

/** How much of a fixed piece of work the machine does in a second. */
export interface Gauged {
  /** Reads of a file in memory, each with a walk over its bytes. */
  readonly processor: number
  /** Writes that wait for the disk; `undefined` where none are made. */
  readonly disk: number | undefined
}

const PAGE_BYTES = 8192
const READS = 200
/** Pages at the start of Node's own file, which is in memory since it runs. */
const PAGES = 64
const WRITES = 4

/**
 * Tells how fast the machine is at the moment, beside what is measured: a machine has good and bad
 * minutes, above all a virtual one. Takes some milliseconds.
 */
export class Gauge {
  readonly #source: number
  readonly #sink: number | undefined
  readonly #page = new Uint8Array(PAGE_BYTES)

  /** @param folder where a file is written to gauge the disk; `undefined`: the disk is left alone */
  constructor(folder: string | undefined) {
    this.#source = openSync(process.execPath, 'r')
    this.#sink = folder === undefined ? undefined : openSync(join(folder, 'gauge'), 'w')
    // Compiled, and the file has its blocks.
    for (let n = 0; n < 3; n++) this.measure()
  }

  /** Does the work. */
  measure(): Gauged {
    const processor = rateOf(READS, (n) => {
      readSync(this.#source, this.#page, 0, PAGE_BYTES, (n % PAGES) * PAGE_BYTES)
      let sum = 0
      for (const byte of this.#page) sum = (sum * 31 + byte) | 0
      this.#page[0] = sum
    })
    return { processor, disk: this.#sink === undefined ? undefined : diskRate(this.#sink, this.#page) }
  }

  /** Closes its files. */
  close(): void {
    closeSync(this.#source)
    if (this.#sink !== undefined) closeSync(this.#sink)
  }
}

/** `undefined` from a disk that takes no more: that is for the store to tell. */
function diskRate(fd: number, page: Uint8Array): number | undefined {
  try {
    return rateOf(WRITES, () => {
      writeSync(fd, page, 0, page.length, 0)
      fdatasyncSync(fd)
    })
  } catch {
    return undefined
  }
}

function rateOf(count: number, work: (n: number) => void): number {
  const began = performance.now()
  for (let n = 0; n < count; n++) work(n)
  return perSecond(count, performance.now() - began)
}
