import { within } from '../async.ts'
import { utf8 } from '../bytes.ts'
import { KvError } from '../errors.ts'
import { DeferredText } from '../formats/deferred-text.ts'
import { PLAIN, writeJsonChange } from '../formats/json/writer.ts'
import type { Change } from '../store/driver/entry.ts'
import { bodyText, toBody } from './errors.ts'
import type { Watch } from '../store/watch.ts'

/** How long an `EventSource` waits before it comes again, in milliseconds. */
const RETRY_MS = 1000

/**
 * A watch as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
 * `ready` when it stands, then `put` and `del`, each with its position as the id. While nothing
 * happens, a comment and the newest id every `heartbeatMs`, so that the connection is seen to live and
 * a client that comes again goes on from there. The watch failing is an event `failure`; the signal ends the stream.
 */
export async function* changeEvents(
  watch: Watch,
  signal: AbortSignal,
  heartbeatMs: number,
): AsyncGenerator<Buffer, void, void> {
  const pages = watch.pages()[Symbol.asyncIterator]()
  try {
    yield Buffer.from(`retry: ${RETRY_MS}\nevent: ready\nid: ${watch.position}\ndata: {}\n\n`)
    for (let next = pages.next(); ;) {
      const page = await within(next, heartbeatMs)
      if (page === undefined) {
        yield Buffer.from(`: nothing new\nid: ${watch.position}\n\n`)
        continue
      }
      if (page.done === true) return
      yield* eventsOf(page.value)
      next = pages.next()
    }
  } catch (error) {
    if (signal.aborted || !(error instanceof KvError)) return
    yield Buffer.from(`event: failure\ndata: ${bodyText(toBody(error))}\n\n`)
  } finally {
    await watch.close()
  }
}

const DATA = utf8('\ndata: ')
const END = utf8('\n\n')

function eventsOf(changes: readonly Change[]): Generator<Buffer, void, void> {
  const out = new DeferredText()
  for (const change of changes) {
    out.text(`event: ${change.type}\nid: ${change.position}`)
    out.bytes(DATA)
    writeJsonChange(out, change, PLAIN, 'revised')
    out.bytes(END)
  }
  return out.take()
}
