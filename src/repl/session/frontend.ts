import type { Source } from '../../io.ts'
import type { KeyReader } from '../../terminal/key-reader.ts'
import type { Streams } from '../streams/streams.ts'

/** How a session differs between a terminal and a script. */
export interface Frontend {
  /** Standard input of a command; of a script there is none, since it is the script. */
  readonly stdin: Source
  /** Whether a program of the user's shell may read the process's standard input. */
  readonly sharesStdin: boolean
  /**
   * Where the data of a command go that names no file or program for them.
   * @param isLive whether they are soon replaced by others, and not to be read at leisure
   */
  stdout(isLive: boolean): Streams
  /** Whether commands that do not end by themselves may run: true, or throws `KV_USAGE`. */
  allowsEndless(): true
  /** Runs a step while another program has the terminal. */
  withTerminal<T>(step: () => Promise<T>): Promise<T>
  /** Runs a step that reads keys. Throws `KV_USAGE` where there are none. */
  atKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T>
}
