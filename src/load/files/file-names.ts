import { KvError } from '../../errors.ts'

/** A file that is to become an entry. */
export interface FileName {
  /** Its path as it was named, whatever bytes that is. */
  readonly path: Uint8Array
  /** The number of this name in the list of names, from 1. */
  readonly line: number
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Bytes of a name that has no end, after which nobody meant a list of names. */
const MAX_NAME_BYTES = 1 << 16

/**
 * The names in a text, as many at a time as come in a chunk; each ends with a line, or with a NUL. Empty lines name
 * nothing. Throws `KV_INVALID_INPUT` with the name of the input for what is no list of names.
 */
export async function* namesIn(
  chunks: AsyncIterable<Uint8Array>,
  nul: boolean,
  input: string,
): AsyncGenerator<FileName[], void, void> {
  const end = nul ? 0 : LINE_FEED
  let waiting: Uint8Array = new Uint8Array()
  let line = 0
  const take = (bytes: Uint8Array, isLast: boolean): FileName[] => {
    const names: FileName[] = []
    let at = 0
    while (at < bytes.length) {
      const found = bytes.indexOf(end, at)
      if (found < 0 && !isLast) break
      const to = found < 0 ? bytes.length : found
      line++
      const path = bytes.subarray(at, !nul && to > at && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to)
      if (path.length > 0) names.push({ path, line })
      at = to + 1
    }
    waiting = bytes.subarray(at)
    return names
  }
  for await (const chunk of chunks) {
    const names = take(Buffer.concat([waiting, chunk]), false)
    if (waiting.length > MAX_NAME_BYTES) {
      const message = `${input}:${line + 1}: the name of a file has no end`
      throw new KvError('KV_INVALID_INPUT', message, { hint: nul ? undefined : 'with -0, names end in a NUL' })
    }
    if (names.length > 0) yield names
  }
  const rest = take(waiting, true)
  if (rest.length > 0) yield rest
}
