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
 * the next is asked for, and reading waits for that. Records of an input that pauses come within half a second.
 * Throws what {@link BlockParser} throws, and in the end, after its whole records, `KV_INVALID_INPUT` for an input
 * that cannot be read to its end.
 */
export async function* load(input: OpenInput, options: LoadOptions): AsyncGenerator<Parsed, void, void> {
  const { stop, atOnce, ...parseOptions } = options
  const ready: Parsed[] = []
  const pace = new Pace()
  let failure: { readonly error: unknown } | undefined
  let readError: KvError | undefined
  let isStoring = false
  let isOver = false
  let wake = (): void => {}
  const onStop = (): void => wake()
  const fail = (error: unknown): void => {
    failure ??= { error }
    wake()
  }
  const take = (parsed: Parsed): void => {
    ready.push(parsed)
    pace.answered(parsed)
    wake()
  }
  const pipeline = new ParsePipeline(parseOptions, await BlockParser.of(parseOptions), take, fail)
  const live = atOnce
    ? undefined
    : setInterval(() => {
        const { bytes, since } = pipeline.waiting
        if (ready.length === 0 && !isStoring && performance.now() - since >= LIVE_MS && pace.isTime(bytes))
          pipeline.cut(false)
      }, LIVE_MS)
  const isDone = (): boolean => failure !== undefined || isOver || stop.aborted
  const read = async (): Promise<void> => {
    if (input.file !== undefined && pipeline.takeFile(input.file, input.size!)) return
    try {
      for await (const chunk of input.chunks) {
        if (isDone()) return
        await pipeline.push(chunk)
      }
    } catch (error) {
      if (isDone()) return
      if (!(error instanceof KvError)) return fail(error)
      readError = error
    }
    if (!isDone()) pipeline.cut(readError === undefined, true)
  }
  stop.addEventListener('abort', onStop)
  try {
    if (!stop.aborted) void read()
    for (;;) {
      if (failure !== undefined) throw failure.error
      const parsed = ready.shift()
      if (parsed === undefined) {
        if (stop.aborted) return
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      isStoring = true
      isOver = parsed.final
      if (!parsed.final) await pipeline.readAhead()
      yield parsed
      pipeline.stored(parsed)
      isStoring = false
      if (!parsed.final) continue
      if (pipeline.unreadable !== undefined)
        readError = unreadable(input.name, { message: pipeline.unreadable }, 'KV_INVALID_INPUT')
      if (readError !== undefined && parsed.refused === undefined) throw readError
      return
    }
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
