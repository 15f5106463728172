import { KvError, unreadable } from '../errors.ts'
import { BlockParser, type ParseOptions, type Parsed } from './block-parser.ts'
import type { OpenInput } from './open-input.ts'
import { ParsePipeline } from './parse-pipeline.ts'

/** How often a live input is looked at, and how long its newest records may wait, in milliseconds. */
const LIVE_MS = 250

/** How an input is loaded. */
export interface LoadOptions extends ParseOptions {
  /** Ends the load early: what is parsed by then still comes, nothing more is read. */
  readonly stop: AbortSignal
  /**
   * Whether all is stored at once in the end: then nothing comes early while the input pauses, since that only begins
   * what others wait for.
   */
  readonly atOnce: boolean
}

/**
 * Parses an input to its end, or as far as it goes, in blocks. Memory stays flat: each block must be done with before
 * the next is asked for, and reading waits for that. Records of an input that pauses come within half a second, and when none
 * are left, a stretch without any says that it pauses.
 * Throws what {@link BlockParser} throws, and in the end, after its whole records, `KV_INVALID_INPUT` for an input
 * that cannot be read to its end.
 */
export async function* load(input: OpenInput, options: LoadOptions): AsyncGenerator<Parsed, void, void> {
  const { stop, atOnce, ...parseOptions } = options
  const pace = new Pace()
  let readError: KvError | undefined
  let isOver = false
  const pipeline = new ParsePipeline(parseOptions, await BlockParser.of(parseOptions))
  const onStop = (): void => pipeline.wake()
  const live = atOnce
    ? undefined
    : setInterval(() => {
        const { bytes, since } = pipeline.waiting
        if (pipeline.isIdle && performance.now() - since >= LIVE_MS && pace.isTime(bytes)) pipeline.cut(false)
      }, LIVE_MS)
  const isDone = (): boolean => pipeline.failure !== undefined || isOver || stop.aborted
  const read = async (): Promise<void> => {
    if (input.file !== undefined && pipeline.takeFile(input.file, input.size!)) return
    try {
      for await (const chunk of input.chunks) {
        if (isDone()) return
        await pipeline.push(chunk)
      }
    } catch (error) {
      if (isDone()) return
      if (!(error instanceof KvError)) return pipeline.fail(error)
      readError = error
    }
    if (!isDone()) pipeline.cut(readError === undefined, true)
  }
  stop.addEventListener('abort', onStop)
  try {
    if (!stop.aborted) void read()
    while (!isOver) {
      const parsed = await pipeline.next(stop)
      if (parsed === undefined) return
      pace.answered(parsed)
      isOver = parsed.final
      if (!isOver) await pipeline.readAhead()
      yield parsed
      pipeline.stored(parsed)
      if (parsed.refused !== undefined) return
    }
    if (pipeline.unreadable !== undefined)
      throw unreadable(input.name, { message: pipeline.unreadable }, 'KV_INVALID_INPUT')
    if (readError !== undefined) throw readError
  } finally {
    isOver = true
    clearInterval(live)
    stop.removeEventListener('abort', onStop)
    await pipeline.close()
    // A pipe that stays silent would keep the process.
    input.close()
  }
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
  /** Whether something was handed over since it was last said that the input pauses. */
  #mayPause = false

  /** Whether to look now that so many bytes wait. */
  isTime(bytes: number): boolean {
    const pauses = bytes === this.#before && bytes !== this.#inVain
    this.#before = bytes
    if (this.#isAsked) return false
    if (bytes === 0) return (this.#isAsked = this.#mayPause)
    this.#isAsked = bytes < CHEAP_BYTES || pauses || bytes >= 2 * this.#inVain
    if (this.#isAsked) this.#inVain = bytes
    return this.#isAsked
  }

  /** Something was handed over. */
  answered({ inputBytes }: Parsed): void {
    this.#isAsked = false
    this.#mayPause = inputBytes > 0
    if (inputBytes > 0) this.#inVain = 0
  }
}
