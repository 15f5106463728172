import type { Io, Sink, Source } from '../../io.ts'
import type { CommandLine } from '../language/lexer.ts'
import type { Word } from '../language/word-reader.ts'
import { checkApart, checkOutputs, openMessages, openSource } from './files.ts'
import { type ProgramOptions, shellStreams } from './shell.ts'
import { type Streams, asMessages, sinkOver, streamsInto } from './streams.ts'

/** The streams of a line that another line runs, where they are not those of the session. */
export interface InheritedStreams {
  readonly stdin?: Source | undefined
  readonly stdout?: Sink | undefined
  readonly stderr?: Sink | undefined
}

/** What a line's streams are made of. */
export interface LineStreamOptions {
  /** Of the line that runs this one, such as `.read` with a redirection. */
  readonly outer: InheritedStreams
  readonly io: Io
  /** What the user types for a command that reads. */
  readonly typed: () => Source
  /** Where data go that no redirection sends elsewhere. */
  readonly stdout: () => Streams
  readonly programs: ProgramOptions
  /** The text of a word that names a file. */
  readonly text: (word: Word) => string
}

/** The streams of one line, as its redirections ask for. */
export interface LineStreams {
  readonly stdin: Source
  readonly streams: Streams
  readonly stderr: Sink
  /** What lines get that this one runs. */
  readonly inherited: InheritedStreams
  close(): void
}

/** Opens them. Throws `KV_USAGE` for a file that cannot be read or written: then the command is not to run. */
export function openLine(
  { input, outputs, messages, dataToMessages, shell }: CommandLine,
  { outer, io, typed, stdout, programs, text }: LineStreamOptions,
): LineStreams {
  const { signal } = programs
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
    const files = outputs.map(({ file, append }) => ({ path: text(file), append }))
    checkOutputs(files.map(({ path }) => path))
    const errors = typeof messages === 'object' ? { path: text(messages.file), append: messages.append } : undefined
    if (errors !== undefined) checkApart(files, errors)
    const file = errors === undefined ? undefined : open(openMessages(errors.path, errors.append))
    const session = outer.stderr ?? io.stderr
    // What a program of the shell shows is not written over once the line is stopped.
    const ownMessages = file ?? (shell === undefined ? session : open(heldBack(session, signal)))
    const streams = dataToMessages
      ? streamsInto(ownMessages)
      : shell === undefined
        ? outer.stdout === undefined
          ? stdout()
          : streamsInto(outer.stdout)
        : shellStreams(shell, programs)
    const stderr = messages === 'data' ? asMessages(streams.sink) : ownMessages
    const isDefault = shell === undefined && !dataToMessages && messages !== 'data'
    const inherited = { stdin: source, stdout: isDefault ? outer.stdout : streams.sink, stderr }
    return { stdin: source ?? typed(), streams, stderr, inherited, close }
  } catch (error) {
    close()
    throw error
  }
}

/** A sink that keeps what comes after the signal was aborted, until it is closed. */
function heldBack(sink: Sink, signal: AbortSignal): Sink & { close(): void } {
  const held: (string | Uint8Array)[] = []
  const write = (data: string | Uint8Array): void => {
    if (signal.aborted) held.push(typeof data === 'string' ? data : new Uint8Array(data))
    else sink.write(data)
  }
  return { ...sinkOver(sink, write), close: () => held.forEach((data) => sink.write(data)) }
}
