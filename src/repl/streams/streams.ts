import { usageError } from '../../errors.ts'
import { ReaderGone, type Sink, type Source } from '../../io.ts'

/** Where the data of one command go, and what to wait for at its end. */
export interface Streams {
  readonly sink: Sink
  /** Settles when the reader has got everything; to its exit code where it has one. `code` is the command's own. */
  end(code: number): Promise<number | undefined>
  /** Milliseconds that the command waited for its reader so far. */
  readonly waitedMs?: number
}

const LINE_FEED = 0x0a

/**
 * The session's own standard output as the place for one command's data, which end with a line feed: a person types
 * beside it.
 */
export function lineEnded(out: Sink): Streams {
  let isMidLine = false
  const sink = sinkOver(out, (data) => {
    out.write(data)
    if (data.length > 0) isMidLine = typeof data === 'string' ? !data.endsWith('\n') : data.at(-1) !== LINE_FEED
  })
  const end = async (): Promise<undefined> => {
    if (isMidLine) out.write('\n')
  }
  return { sink, end }
}

/** A sink like another, with a way of its own to write. */
export function sinkOver(sink: Sink, write: Sink['write']): Sink {
  return { isTTY: sink.isTTY, columns: () => sink.columns(), stream: () => sink.stream(), write }
}

/** A sink for messages that go where data go: nobody needs to know when their reader is gone. */
export function asMessages(sink: Sink): Sink {
  return sinkOver(sink, (data) => {
    try {
      sink.write(data)
    } catch (error) {
      if (!(error instanceof ReaderGone)) throw error
    }
  })
}

/** Streams that lead into a sink which others use as well. */
export function streamsInto(sink: Sink): Streams {
  return { sink, end: async () => undefined }
}

/** The standard input of a command that has none; `why` tells the user. */
export function noSource(why: string, hint: string): Source {
  return {
    isTTY: false,
    fd: -1,
    readAll() {
      throw usageError(why, hint)
    },
  }
}

/** Refuses what reads keys, where there are none. */
export async function noKeyboard(): Promise<never> {
  throw usageError('nobody can be asked here')
}
