import type { Sink } from '../io.ts'
import { formatBytes } from '../safe-text.ts'

/** Work shorter than this shows no progress, in milliseconds. */
const DELAY_MS = 300
/** Time between two drawings, in milliseconds. */
const EVERY_MS = 100
const BAR = 24
/** What must be done before the time that is left is said. */
const LEAST_FRACTION = 0.02

/** One line on a terminal that says how far long work is; nothing when it is not `on`. */
export class Progress {
  readonly #sink: Sink
  readonly #on: boolean
  readonly #began = performance.now()
  #drawn = -Infinity
  #shown = false

  constructor(sink: Sink, on: boolean) {
    this.#sink = sink
    this.#on = on
  }

  /**
   * Says how many rows are done, and, where the total is known, how many of the bytes.
   */
  rows(rows: number, doneBytes?: number, totalBytes?: number): void {
    const elapsed = this.#due()
    if (elapsed === undefined) return
    const rate = `${rows.toLocaleString('en')} rows, ${Math.round((rows / elapsed) * 1000).toLocaleString('en')}/s`
    const line =
      doneBytes !== undefined && totalBytes
        ? `${bar(doneBytes / totalBytes)}  ${rate}${timeLeft(elapsed, doneBytes / totalBytes)}`
        : `${rate}${doneBytes === undefined ? '' : `, ${formatBytes(doneBytes)}`}`
    this.#draw(line)
  }

  /** Says how many of the rows that were read are written. */
  rowsOf(written: number, rows: number): void {
    if (this.#due() === undefined) return
    const [done, all] = [written.toLocaleString('en'), rows.toLocaleString('en')]
    this.#draw(`${bar(written / rows)}  ${done} of ${all} rows written`)
  }

  /** Says how many of the bytes are done. */
  bytes(done: number, total: number): void {
    const elapsed = this.#due()
    if (elapsed !== undefined)
      this.#draw(`${bar(done / total)}  ${formatBytes(done)}${timeLeft(elapsed, done / total)}`)
  }

  /** Milliseconds since the beginning when the line is to be drawn again, else `undefined`. */
  #due(): number | undefined {
    const now = performance.now()
    const elapsed = now - this.#began
    if (!this.#on || elapsed < DELAY_MS || now - this.#drawn < EVERY_MS) return undefined
    this.#drawn = now
    return elapsed
  }

  #draw(line: string): void {
    this.#sink.write(`\r\u001b[K${line.slice(0, this.#sink.columns() - 1)}`)
    this.#shown = true
  }

  /** Clears the line. */
  done(): void {
    if (this.#shown) this.#sink.write('\r\u001b[K')
    this.#shown = false
  }
}

function bar(fraction: number): string {
  const full = Math.min(BAR, Math.round(fraction * BAR))
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${String(Math.min(100, Math.floor(fraction * 100))).padStart(3)} %`
}

/** `, 5 s left`; nothing while so little is done that nobody can tell. */
function timeLeft(elapsedMs: number, fraction: number): string {
  if (fraction < LEAST_FRACTION) return ''
  const seconds = Math.ceil((elapsedMs * (1 - fraction)) / fraction / 1000)
  if (seconds < 60) return `, ${seconds} s left`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `, ${minutes} min ${seconds % 60} s left`
    : `, ${Math.floor(minutes / 60)} h ${minutes % 60} min left`
}
