import { KvError, unreadable as unreadableError } from '../errors.ts'
import type { BadRecord } from '../formats/record-reader.ts'
import { BlockParser, type ParseOptions, type Parsed } from './block-parser.ts'
import { ParsePipeline } from './parse-pipeline.ts'
import type { OpenInput } from './open-input.ts'

/** How often a live input is looked at, and how long its newest records may wait, in milliseconds. */
const LIVE_MS = 250

/** Who stores what an input comes to. */
export interface Loader {
  /** Stores a block; the next comes when it settles. */
  store(parsed: Parsed): Promise<void>
  /** Settles the load early: what was handed over is still stored, nothing more is read. */
  readonly stop: AbortSignal
  /**
   * Whether all is stored at once in the end: nothing is handed over early then, since that only begins what others
   * wait for.
   */
  readonly atOnce: boolean
}

/** How an input ended before its end. */
export interface LoadOutcome {
  /** The bad record that ended it. */
  readonly refused?: BadRecord
  /** Why the input could not be read on; its whole records up to there are stored. */
  readonly unreadable?: KvError
}

/**
 * Reads an input to its end, or as far as it goes. Memory stays flat: reading waits for storing.
 * Records of an input that pauses are handed over within half a second. Rejects with what `store`
 * rejected with.
 */
export async function load(input: OpenInput, options: ParseOptions, loader: Loader): Promise<LoadOutcome> {
  let refused: BadRecord | undefined
  let unreadable: KvError | undefined
  let failure: { readonly error: unknown } | undefined
  let queued = 0
  let tail = Promise.resolve()
  let ended: () => void = () => {}
  const end = new Promise<void>((resolve) => (ended = resolve))
  const fail = (error: unknown): void => {
    failure ??= { error }
    void pipeline.close()
    ended()
  }
  const take = (parsed: Parsed): void => {
    queued++
    pace.answered(parsed)
    tail = tail.then(async () => {
      if (!parsed.final) await pipeline.readAhead()
      if (failure === undefined) await loader.store(parsed).catch(fail)
      queued--
      pipeline.stored(parsed)
      refused ??= parsed.refused
      if (parsed.final) {
        if (pipeline.unreadable !== undefined)
          unreadable = unreadableError(input.name, { message: pipeline.unreadable }, 'KV_INVALID_INPUT')
        ended()
      }
    })
  }
  const pace = new Pace()
  const pipeline = new ParsePipeline(options, await BlockParser.of(options), take, fail)
  const over = (): boolean => failure !== undefined || refused !== undefined || loader.stop.aborted
  const live = loader.atOnce
    ? undefined
    : setInterval(() => {
        const { bytes, since } = pipeline.waiting
        if (queued === 0 && performance.now() - since >= LIVE_MS && pace.isTime(bytes)) pipeline.cut(false)
      }, LIVE_MS)
  const read = async (): Promise<void> => {
    if (input.file !== undefined && pipeline.takeFile(input.file, input.size!)) return
    try {
      for await (const chunk of input.chunks) {
        if (over()) return
        await pipeline.push(chunk)
      }
    } catch (error) {
      if (over()) return
      if (!(error instanceof KvError)) return fail(error)
      unreadable = error
    }
    if (!over()) pipeline.cut(unreadable === undefined, true)
  }
  loader.stop.addEventListener('abort', ended, { once: true })
  try {
    if (loader.stop.aborted) ended()
    void read()
    await end
    await tail
  } finally {
    clearInterval(live)
    loader.stop.removeEventListener('abort', ended)
    await pipeline.close()
    // A pipe that stays silent would keep the process.
    input.close()
  }
  if (failure !== undefined) throw failure.error
  return { ...(refused && { refused }), ...(unreadable && { unreadable }) }
}

/** Bytes that are looked through for records again and again without a thought. */
const CHEAP_BYTES = 1 << 20

/**
 * When a live input is looked through for whole records. One record that is very long is looked at when twice as much
 * of it is there, or when the input pauses, and not four times a second.
 */
class Pace {
  #isAsked = false
  #before = 0
  /** Bytes that waited when the last look found nothing. */
  #inVain = 0

  /** Whether to look now that so many bytes wait. */
  isTime(bytes: number): boolean {
    const pauses = bytes === this.#before && bytes !== this.#inVain
    this.#before = bytes
    if (bytes === 0 || this.#isAsked) return false
    this.#isAsked = bytes < CHEAP_BYTES || pauses || bytes >= 2 * this.#inVain
    if (this.#isAsked) this.#inVain = bytes
    return this.#isAsked
  }

  /** Something was handed over. */
  answered({ inputBytes }: Parsed): void {
    this.#isAsked = false
    if (inputBytes > 0) this.#inVain = 0
  }
}
