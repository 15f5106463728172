import { monotonicMs, turn } from '../../../async.ts'
import { interrupted } from '../../../errors.ts'

/** Time one slice of a long operation should take, in milliseconds: as long as nobody notices. */
export const SLICE_MS = 15
const FIRST_ROWS = 2000
const MAX_ROWS = 200_000

/**
 * Calls `step` with a number of rows, which follows the time of the call before, until it returns false, with a turn of
 * the event loop in between. Throws `KV_INTERRUPTED` with `message` once the signal is aborted.
 */
export async function inSlices(signal: AbortSignal, message: string, step: (rows: number) => boolean): Promise<void> {
  for (let rows = FIRST_ROWS; ;) {
    if (signal.aborted) throw interrupted(signal, message)
    const began = monotonicMs()
    if (!step(rows)) return
    const scale = SLICE_MS / Math.max(monotonicMs() - began, 1)
    rows = Math.round(Math.min(MAX_ROWS, Math.max(1, rows * Math.min(2, scale))))
    await turn()
  }
}
