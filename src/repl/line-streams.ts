import type { Io, Sink, Source } from '../io.ts'
import type { CommandLine, Word } from './lexer.ts'
import { type ProgramOptions, ShellStreams, type Streams, asMessages, checkOutputs, openMessages, openSource } from './redirect.ts'

/** The streams of a line, where they are not those of the session. */
export interface Lent {
  readonly stdin?: Source | undefined
  readonly stdout?: Sink | undefined
  readonly stderr?: Sink | undefined
}

/** What a line's streams are made of. */
export interface LineSurroundings {
  /** Of the line that runs this one, such as `.read` with a redirection. */
  readonly outer: Lent
  readonly io: Io
  /** What the user types for a command that reads. */
  readonly typed: () => Source
  /** Where data go that no redirection sends elsewhere. */
  readonly stdout: () => Streams
  readonly programs: ProgramOptions
  /** The text of a word that names a file. */
  readonly text: (word: Word) => string
  /** Aborted when the user stops the line. */
  readonly signal: AbortSignal
}

/** The streams of one line, as its redirections ask for. */
export interface LineStreams {
  readonly stdin: Source
  readonly streams: Streams
  readonly stderr: Sink
  /** What lines get that this one runs. */
  readonly lent: Lent
  close(): void
}

/** Opens them. Throws `KV_USAGE` for a file that cannot be read or written: then the command is not to run. */
export function openLine({ input, outputs, messages, dataToMessages, shell }: CommandLine, { outer, io, typed, stdout, programs, text, signal }: LineSurroundings): LineStreams {
  const opened: { close(): void }[] = []
  const open = <T extends { close(): void }>(stream: T): T => {
    opened.push(stream)
    return stream
  }
  const close = (): void => {
    for (const stream of opened) stream.close()
  }
  try {
    const source = input === undefined ? outer.stdin : open(openSource(text(input), typed, signal))
    checkOutputs(outputs.map(text))
    const file = typeof messages === 'object' ? open(openMessages(text(messages.file), messages.append)) : undefined
    const ownMessages = file ?? outer.stderr ?? io.stderr
    const streams = dataToMessages ? passing(ownMessages) : shell === undefined ? (outer.stdout === undefined ? stdout() : passing(outer.stdout)) : new ShellStreams(shell, programs)
    const stderr = messages === 'data' ? asMessages(streams.sink) : ownMessages
    const isDefault = shell === undefined && !dataToMessages && messages !== 'data'
    const lent = { stdin: source, stdout: isDefault ? outer.stdout : streams.sink, stderr }
    return { stdin: source ?? typed(), streams, stderr, lent, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Streams that lead into a sink which others use as well. */
function passing(sink: Sink): Streams {
  return { sink, end: async () => undefined }
}
