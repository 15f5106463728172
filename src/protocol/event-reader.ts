/** One event of a stream. */
export interface ServerEvent {
  /** `message` where the stream names none; empty for an id alone, which carries no data. */
  readonly type: string
  /** The newest id of the stream. */
  readonly id: string
  readonly data: Uint8Array
}

const COLON = 0x3a
const LINE_FEED = 0x0a
const NOTHING = new Uint8Array()

/** Reads server-sent events as kv sends them, data on one line: a list for each chunk that completes any. */
export async function* serverEvents(
  chunks: AsyncGenerator<Buffer, void, void>,
): AsyncGenerator<ServerEvent[], void, void> {
  let parts: Buffer[] = []
  let type = ''
  let data: Uint8Array | undefined
  let id = ''
  let isNewId = false
  for await (const chunk of chunks) {
    const events: ServerEvent[] = []
    let from = 0
    for (let feed = chunk.indexOf(LINE_FEED); feed >= 0; feed = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, feed)
      const line = parts.length === 0 ? piece : Buffer.concat([...parts, piece])
      parts = []
      from = feed + 1
      if (line.length === 0) {
        if (data !== undefined) events.push({ type: type === '' ? 'message' : type, id, data })
        else if (isNewId) events.push({ type: '', id, data: NOTHING })
        type = ''
        data = undefined
        isNewId = false
        continue
      }
      const colon = line.indexOf(COLON)
      const name = line.toString('latin1', 0, colon < 0 ? line.length : colon)
      const value = line.subarray(colon < 0 ? line.length : colon + (line[colon + 1] === 0x20 ? 2 : 1))
      if (name === 'event') type = value.toString()
      else if (name === 'data') data = value
      else if (name === 'id') {
        id = value.toString()
        isNewId = true
      }
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
    if (events.length > 0) yield events
  }
}
