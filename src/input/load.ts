import type { RefusedRecord, ParseOptions, Parsed } from './assembler.ts'
import { Feed } from './feed.ts'
import type { OpenInput } from './open.ts'

/** How often a live input is looked at, and how long its newest records may wait, in milliseconds. */
const LIVE_MS = 250

/** Who stores what an input comes to. */
export interface Loader {
  /** Stores a block; the next comes when it settles. */
  store(parsed: Parsed): Promise<void>
  /** Settles the load early: what was handed over is still stored, nothing more is read. */
  readonly stop: AbortSignal
}

/**
 * Reads an input to its end, or to the first record refused, which it returns. Memory stays flat:
 * reading waits for storing. Records of an input that pauses are handed over within half a second.
 */
export async function load(input: OpenInput, options: ParseOptions, loader: Loader): Promise<RefusedRecord | undefined> {
  let refused: RefusedRecord | undefined
  let failure: { readonly error: unknown } | undefined
  let queued = 0
  let tail = Promise.resolve()
  let ended: () => void = () => {}
  const end = new Promise<void>((resolve) => (ended = resolve))
  const fail = (error: unknown): void => {
    failure ??= { error }
    void feed.close()
    ended()
  }
  const take = (parsed: Parsed): void => {
    queued++
    tail = tail.then(async () => {
      if (failure === undefined) await loader.store(parsed).catch(fail)
      queued--
      feed.stored(parsed)
      refused ??= parsed.refused
      if (parsed.final) ended()
    })
  }
  const feed = new Feed(options, take, fail)
  const over = (): boolean => failure !== undefined || refused !== undefined || loader.stop.aborted
  const live = setInterval(() => {
    const { bytes, since } = feed.waiting
    if (bytes > 0 && queued === 0 && performance.now() - since >= LIVE_MS) feed.cut(false)
  }, LIVE_MS)
  const interrupted = new Promise<void>((resolve) => loader.stop.addEventListener('abort', () => resolve(), { once: true }))
  try {
    const reading = (async () => {
      for await (const chunk of input.chunks) {
        if (over()) break
        await feed.push(chunk)
      }
      if (!over()) feed.cut(true)
    })()
    // A reader that waits for a silent pipe is left behind when the load is over.
    await Promise.race([reading.then(() => end), end, interrupted])
    await tail
  } finally {
    clearInterval(live)
    input.close()
    await feed.close()
  }
  if (failure !== undefined) throw failure.error
  return refused
}
