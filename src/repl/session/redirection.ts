import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import {
  type Stats,
  accessSync,
  closeSync,
  constants,
  createWriteStream,
  openSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { constants as osConstants } from 'node:os'
import type { Readable } from 'node:stream'
import { CODES, KvError, reasonOf, usageError } from '../../errors.ts'
import { ReaderGone, type Sink, type Source, isNullDevice } from '../../io.ts'
import { readToEnd, openInputFile } from '../../load/input-file.ts'
import { quoteWord } from '../../shell-quote.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Where the data of one command go, and what to wait for at its end. */
export interface Streams {
  readonly sink: Sink
  /** Settles when the reader has got everything; to its exit code where it has one. `code` is the command's own. */
  end(code: number): Promise<number | undefined>
  /** Milliseconds that the command waited for its reader so far. */
  readonly waitedMs?: number
}

/** A sink into a child process. */
export class ChildSink implements Sink {
  readonly isTTY: boolean
  readonly #child: ChildProcess
  readonly #columns: () => number
  readonly #exit: Promise<number>
  #gone = false
  /** Milliseconds spent waiting for the child to read. */
  waitedMs = 0

  /** @param child reads from a pipe */
  constructor(child: ChildProcess, { isTTY = false, columns = (): number => 80 } = {}) {
    this.#child = child
    this.isTTY = isTTY
    this.#columns = columns
    child.stdin!.on('error', () => (this.#gone = true))
    child.stdin!.on('close', () => (this.#gone = true))
    this.#exit = exitOf(child)
    // Seen by who waits for the end.
    this.#exit.catch(() => {})
  }

  columns(): number {
    return this.#columns()
  }

  write(data: string | Uint8Array): void {
    if (this.#gone) throw new ReaderGone()
    // A copy, since the writer may use its buffer again before the child has read it.
    this.#child.stdin!.write(typeof data === 'string' ? data : Buffer.from(data))
  }

  stream(): NodeJS.WriteStream {
    return this.#child.stdin as NodeJS.WriteStream
  }

  async drained(): Promise<void> {
    const stdin = this.#child.stdin!
    if (this.#gone || !stdin.writableNeedDrain) return
    const began = performance.now()
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdin.off('drain', done).off('close', done)
        resolve()
      }
      stdin.on('drain', done).on('close', done)
    })
    this.waitedMs += performance.now() - began
  }

  /**
   * Ends the child's input and waits for it to end; resolves to its exit code. Throws `KV_USAGE` when it could not be
   * started.
   */
  async end(): Promise<number> {
    this.#child.stdin!.end()
    return this.#exit
  }
}

const LINE_FEED = 0x0a

/**
 * The session's own standard output as the place for one command's data, which end with a line feed: a person types
 * beside it.
 */
export class WholeLines implements Streams {
  readonly sink: Sink
  readonly #out: Sink
  #midLine = false

  constructor(out: Sink) {
    this.#out = out
    this.sink = {
      isTTY: out.isTTY,
      columns: () => out.columns(),
      stream: () => out.stream(),
      write: (data) => this.#write(data),
    }
  }

  async end(): Promise<undefined> {
    if (this.#midLine) this.#out.write('\n')
  }

  #write(data: string | Uint8Array): void {
    this.#out.write(data)
    if (data.length > 0) this.#midLine = typeof data === 'string' ? !data.endsWith('\n') : data.at(-1) !== LINE_FEED
  }
}

/** What a program of the user's shell works with. */
export interface ProgramOptions {
  readonly env: Env
  /** Takes what the program prints; `undefined`: it has the session's own standard output. */
  readonly stdout: Sink | undefined
  /** Aborted when the user stops the line. */
  readonly signal: AbortSignal
}

/**
 * Data on their way through the user's shell: `rest` is what the user wrote of redirections, and from `|` on.
 * The shell starts with the first data, or at the end; for a command that was a wrong call it never does,
 * so that `> FILE` leaves the file as it is.
 */
export class ShellStreams implements Streams {
  readonly sink: Sink
  readonly #rest: string
  readonly #options: ProgramOptions
  #into: { sink: ChildSink; shown: Promise<void> } | undefined

  constructor(rest: string, options: ProgramOptions) {
    this.#rest = rest
    this.#options = options
    this.sink = {
      isTTY: false,
      columns: () => 80,
      write: (data) => this.#start().sink.write(data),
      stream: () => this.#start().sink.stream(),
      drained: async () => this.#into?.sink.drained(),
    }
  }

  get waitedMs(): number {
    return this.#into?.sink.waitedMs ?? 0
  }

  async end(code: number): Promise<number | undefined> {
    if (this.#into === undefined && code === CODES.KV_USAGE.exit) return undefined
    const { sink, shown } = this.#start()
    const [exit] = await Promise.all([sink.end(), shown])
    return exit
  }

  #start(): { sink: ChildSink; shown: Promise<void> } {
    if (this.#into === undefined) {
      const child = startShell(`cat ${this.#rest}`, 'pipe', this.#options)
      this.#into = { sink: new ChildSink(child), shown: shown(child.stdout, this.#options.stdout) }
      this.#into.shown.catch(() => {})
    }
    return this.#into
  }
}

/**
 * Runs a command of the user's shell; resolves to its exit code. With `stdin` false it reads nothing,
 * not even the script that it is a line of. Throws `KV_USAGE` when the shell cannot be started.
 */
export async function runShell(
  command: string,
  { stdin, ...options }: ProgramOptions & { readonly stdin: boolean },
): Promise<number> {
  const child = startShell(command, stdin ? 'inherit' : 'ignore', options)
  const [exit] = await Promise.all([exitOf(child), shown(child.stdout, options.stdout)])
  return exit
}

function startShell(
  command: string,
  stdin: 'pipe' | 'inherit' | 'ignore',
  { env, stdout, signal }: ProgramOptions,
): ChildProcess {
  const shell = env['SHELL'] || '/bin/sh'
  const stdio: StdioOptions = [stdin, stdout === undefined ? 'inherit' : 'pipe', 'inherit']
  let child: ChildProcess
  try {
    child = spawn(shell, ['-c', command], { stdio, env: env as NodeJS.ProcessEnv })
  } catch (cause) {
    throw cannotRun(shell, cause)
  }
  // What happens where not even a pipe could be made.
  if (stdin === 'pipe' && child.stdin === null) throw cannotRun(shell, new Error('too many open files'))
  // Ctrl-C that came before the shell was there has not reached it; of that the process is told a turn later.
  setImmediate(() => setImmediate(() => signal.aborted && child.kill('SIGINT')))
  return child
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => reject(cannotRun(child.spawnfile, cause)))
    // As a shell has it; 130 is what the user stopped.
    child.on('exit', (code, signal) => resolve(code ?? 128 + osConstants.signals[signal!]))
  })
}

function cannotRun(shell: string, cause: unknown): KvError {
  const { code } = cause as NodeJS.ErrnoException
  const reason = code === 'E2BIG' ? 'the line is too long for a program' : reasonOf(cause)
  const hint = code === 'ENOENT' || code === 'EACCES' ? 'the variable SHELL names it: SHELL=/bin/sh kv' : undefined
  return new KvError('KV_USAGE', `cannot run ${shell}: ${reason}`, { cause, hint })
}

/** Hands on what a program prints, as it comes. */
async function shown(from: Readable | null, to: Sink | undefined): Promise<void> {
  if (from === null || to === undefined) return
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      to.write(chunk)
      await to.drained?.()
    }
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error
  }
}

/** Throws `KV_USAGE` when data and messages would go into one file and write over each other. */
export function checkApart(
  outputs: readonly { readonly path: string; readonly append: boolean }[],
  messages: { readonly path: string; readonly append: boolean },
): void {
  const there = fileAt(messages.path)
  if (there === undefined) return
  for (const { path, append } of outputs) {
    const output = fileAt(path)
    if (output?.dev === there.dev && output.ino === there.ino && !(append && messages.append)) {
      throw usageError(
        `data and messages would write over each other in ${path}`,
        `to have both in one file: > ${quoteWord(path)} 2>&1`,
      )
    }
  }
}

/**
 * The regular file of a path; `undefined` where there is none, or none that can be looked at: who opens it tells why.
 */
function fileAt(path: string): Stats | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() ? stat : undefined
  } catch {
    return undefined
  }
}

/**
 * Throws `KV_USAGE` when a shell could not write one of these files; makes those that are not there, and leaves the
 * others as they are.
 */
export function checkOutputs(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      const there = statSync(path, { throwIfNoEntry: false })
      if (there === undefined) closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o666))
      else if (there.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
      // Not opened: closing it would drop the locks of this process if it were the store.
      else accessSync(path, constants.W_OK)
    } catch (cause) {
      throw cannotWrite(path, cause)
    }
  }
}

/**
 * Messages into a file. Throws `KV_USAGE` when it cannot be opened; a message that cannot be written later is lost,
 * as on standard error.
 */
export function openMessages(path: string, append: boolean): Sink & { close(): void } {
  let fd: number
  try {
    fd = openSync(path, append ? 'a' : 'w')
  } catch (cause) {
    throw cannotWrite(path, cause)
  }
  return {
    isTTY: false,
    columns: () => 80,
    write(data) {
      try {
        writeFileSync(fd, data)
      } catch {
        // A message that cannot be told must not end the work it is about.
      }
    },
    stream: () => createWriteStream(path, { fd, autoClose: false }) as unknown as NodeJS.WriteStream,
    close: () => closeSync(fd),
  }
}

function cannotWrite(path: string, cause: unknown): KvError {
  return new KvError('KV_USAGE', `cannot write ${path}: ${reasonOf(cause)}`, { cause })
}

/** A sink for messages that go where data go: nobody needs to know when their reader is gone. */
export function asMessages(sink: Sink): Sink {
  return {
    isTTY: sink.isTTY,
    columns: () => sink.columns(),
    stream: () => sink.stream(),
    write(data) {
      try {
        sink.write(data)
      } catch (error) {
        if (!(error instanceof ReaderGone)) throw error
      }
    },
  }
}

/**
 * Standard input from `< FILE`; from a terminal it is what the user types. Throws `KV_USAGE` when it cannot be read,
 * and from `readAll` `KV_INTERRUPTED` when aborted: a pipe may have nobody who writes.
 */
export function openSource(path: string, typed: () => Source, signal: AbortSignal): Source & { close(): void } {
  const { fd, isTerminal, close } = openInputFile(path)
  if (!isTerminal)
    return {
      isTTY: false,
      fd,
      isNull: isNullDevice(fd),
      readAll: (maxBytes) => readToEnd(fd, path, maxBytes, signal),
      close,
    }
  close()
  return { ...typed(), close() {} }
}

/** The standard input of a command that has none; `why` tells the user. */
export function noSource(why: string, hint: string): Source {
  return {
    isTTY: false,
    fd: -1,
    readAll() {
      throw new KvError('KV_USAGE', why, { hint })
    },
  }
}

/** Refuses what reads keys, where there are none. */
export async function noKeyboard(): Promise<never> {
  throw usageError('nobody can be asked here')
}
