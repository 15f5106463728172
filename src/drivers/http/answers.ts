import { asBuffer, utf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { errorOf } from '../../protocol/errors.ts'
import { revisionFrom, revisionOf } from '../../protocol/etag.ts'
import { FRAME, type Frame, FrameReader } from '../../protocol/frames.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import type { Usage, UsageProgress } from '../../store/driver/usage.ts'
import type { Answer } from './call.ts'

const LINE_FEED = 0x0a

/** When the entry of an answer ends, in milliseconds since 1970; `undefined`: never. */
export function expiresIn({ headers: { [HEADERS.expires]: expires } }: Answer<unknown>): number | undefined {
  return expires === undefined ? undefined : Number(expires)
}

/** The revision that an answer tells; `undefined` when it tells none. */
export function revisionIn({ headers }: Answer<unknown>): number | undefined {
  return revisionFrom(String(headers[HEADERS.revision] ?? '')) ?? revisionOf(headers.etag ?? '')
}

/**
 * Frames up to the end frame. Throws the error that stands in its place, and `KV_UNAVAILABLE` when neither comes.
 * @param maxValueBytes above which a value is refused before it is collected
 */
export async function* framesOf(
  chunks: AsyncIterable<Buffer>,
  maxValueBytes = 2 ** 30,
): AsyncGenerator<Frame[], void, void> {
  const reader = new FrameReader({ maxKeyBytes: 2 ** 30, maxValueBytes })
  for await (const chunk of chunks) {
    const frames = reader.push(chunk)
    const last = frames.at(-1)
    if (last === undefined || last.kind <= FRAME.missing || last.kind === FRAME.since) {
      if (frames.length > 0) yield frames
      continue
    }
    if (frames.length > 1) yield frames.slice(0, -1)
    if (last.kind === FRAME.end) return
    throw errorOf(last)
  }
  throw cutOff()
}

/** Chunks of whole lines, without the empty line that marks the end. Throws `KV_UNAVAILABLE` when it does not come. */
export async function* wholeLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, void> {
  let rest: Buffer[] = []
  let last = LINE_FEED
  let isOver = false
  for await (const chunk of chunks) {
    isOver = chunk.at(-1) === LINE_FEED && (chunk.at(-2) ?? last) === LINE_FEED
    last = chunk.at(-1) ?? last
    const end = isOver ? chunk.length - 1 : chunk.lastIndexOf(LINE_FEED) + 1
    if (end > 0) {
      yield rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)])
      rest = []
    }
    if (!isOver && end < chunk.length) rest.push(chunk.subarray(end))
  }
  if (!isOver) throw cutOff()
}

/** A line of a usage: how far it is, a key, a folder, or the total. */
interface UsageLine {
  readonly progress?: number
  readonly key?: string
  readonly key_base64?: string
  readonly prefix?: string
  readonly prefix_base64?: string
  readonly keys?: number
  readonly bytes?: number
  readonly total?: boolean
}

/** The usage that lines tell; how far it is goes to `onProgress`. */
export async function* usageIn(
  chunks: AsyncIterable<Uint8Array>,
  { onProgress }: UsageProgress,
): AsyncGenerator<Usage[], void, void> {
  for await (const chunk of chunks) {
    const page: Usage[] = []
    for (const text of asBuffer(chunk).toString().split('\n')) {
      if (text === '') continue
      const line = JSON.parse(text) as UsageLine
      if (line.progress === undefined) page.push(usageOfLine(line))
      else onProgress?.(line.progress)
    }
    if (page.length > 0) yield page
  }
}

function usageOfLine({
  key,
  key_base64: keyBase64,
  prefix = '',
  prefix_base64: prefixBase64,
  ...line
}: UsageLine): Usage {
  const { keys = 1, bytes = 0, total = false } = line
  const isKey = key !== undefined || keyBase64 !== undefined
  const base64 = keyBase64 ?? prefixBase64
  const name = base64 === undefined ? utf8(key ?? prefix) : Buffer.from(base64, 'base64')
  return { type: isKey ? 'key' : total ? 'total' : 'folder', name, keys, bytes }
}

function cutOff(): KvError {
  return new KvError('KV_UNAVAILABLE', 'the answer of the server is cut off')
}
