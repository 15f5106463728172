import type { GlobalOptions } from '../options.ts'
import { Context, type Host, type StoreOptions } from '../context.ts'
import { openDriver } from '../drivers/index.ts'
import { KvError } from '../errors.ts'
import type { Io, Source } from '../io.ts'
import { escapeLine } from '../output/escape.ts'
import { runLine, report } from '../run.ts'
import { Store } from '../store/store.ts'
import type { KeyReader } from '../terminal/key-reader.ts'
import { type DotCommand, DOT_COMMANDS } from './dot-commands.ts'
import type { CommandLine } from './lexer.ts'
import { RecordingDriver } from './recording-driver.ts'
import { type Streams, openSource, openStreams } from './redirect.ts'
import type { Snapshot } from './snapshot.ts'
import { UndoLog } from './undo.ts'

/** How a session differs between a terminal and a script. */
export interface Surroundings {
  /** Standard input of a command; of a script there is none, since it is the script. */
  readonly stdin: Source
  /** Where the data of a command go that names no file or program for them. */
  stdout(): Streams
  /** Runs a step while another program has the terminal. */
  withTerminal<T>(step: () => Promise<T>): Promise<T>
  /** Runs a step that reads keys. Throws `KV_USAGE` where there are none. */
  atKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T>
}

/** Scripts that may run each other. */
const MAX_DEPTH = 16

/**
 * The state that command lines share: the open store, the options every line begins with, what
 * can be undone, and the good lines so far. Each line runs as one of the shell does, in a program
 * and context of its own.
 */
export class Session {
  readonly io: Io
  readonly surroundings: Surroundings
  readonly undo = new UndoLog()
  /** Commands that ended with 0, for `.save`. */
  readonly good: string[] = []
  /** Whether every command shows its time. */
  timer = false
  /** Exit code of the newest command. */
  lastExit = 0
  /** Milliseconds the newest command took, waiting for the user not counted. */
  lastMs = 0
  /** Set when the session should end. */
  ended = false
  readonly #env: Record<string, string | undefined>
  #globals: GlobalOptions
  #store: Promise<Store> | undefined
  #snapshot: Snapshot | undefined
  #abort: AbortController | undefined
  #waitedMs = 0
  #depth = 0

  constructor(io: Io, globals: GlobalOptions, surroundings: Surroundings) {
    this.io = io
    this.#env = { ...io.env, ...environmentOf(globals) }
    this.#globals = globals
    this.surroundings = surroundings
  }

  /** The options a line begins with. */
  get globals(): GlobalOptions {
    return this.#globals
  }

  /** The environment of a line: the process's, and in it the options of the session. */
  get env(): Readonly<Record<string, string | undefined>> {
    return this.#env
  }

  /** Where the store is. */
  get location(): string {
    return this.#globals.store
  }

  /** The session's store, opened on the first call and kept open. */
  store(): Promise<Store> {
    this.#store ??= this.#open(this.#globals)
    // One that could not be opened is tried again by the next command.
    this.#store.catch(() => (this.#store = undefined))
    return this.#store
  }

  /** Goes on with another store; the old one is closed once the new one is open. */
  async open(location: string): Promise<void> {
    const globals = { ...this.#globals, store: location, storeIsDefault: false }
    const store = await this.#open(globals)
    await this.#closeStore()
    this.#globals = globals
    this.#env['KV_STORE'] = location
    this.#store = Promise.resolve(store)
    this.undo.clear()
    await this.keep(undefined)
  }

  /** What `.diff` compares with. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  /** Keeps a snapshot, or none, in place of the one before, which goes. */
  async keep(snapshot: Snapshot | undefined): Promise<void> {
    const before = this.#snapshot
    this.#snapshot = snapshot
    await before?.drop()
  }

  /** Changes the form of output of the lines that follow; `undefined`: by terminal. */
  setFormat(format: GlobalOptions['format']): void {
    this.#globals = { ...this.#globals, format, json: false }
    this.#env['KV_FORMAT'] = format ?? ''
    this.#env['KV_JSON'] = ''
  }

  /** Stops the running command; false when none runs. */
  interrupt(): boolean {
    this.#abort?.abort()
    return this.#abort !== undefined
  }

  /** Aborted when the user stops the running command. */
  get signal(): AbortSignal {
    return (this.#abort ?? new AbortController()).signal
  }

  /** Runs one command; resolves to its exit code. Never throws. */
  async run(command: CommandLine): Promise<number> {
    const words = command.words.map(({ text }) => text)
    if (words[0] === 'kv') words.shift()
    if (words.length === 0 && command.shell === undefined) return this.lastExit
    const outer = this.#abort
    this.#abort = outer ?? new AbortController()
    if (outer === undefined) this.#waitedMs = 0
    const began = performance.now()
    try {
      this.lastExit = await this.#dispatch(words, command)
      if (this.lastExit === 0 && words.length > 0 && !words[0]!.startsWith('.')) this.good.push(command.source.trim())
    } finally {
      this.#abort = outer
      this.lastMs = performance.now() - began - this.#waitedMs
    }
    return this.lastExit
  }

  /** Runs a step that runs commands itself, such as those of a script. Throws `KV_USAGE` when that goes too deep. */
  async nested<T>(name: string, step: () => Promise<T>): Promise<T> {
    if (this.#depth === MAX_DEPTH) throw new KvError('KV_USAGE', `${name}: scripts within scripts, ${MAX_DEPTH} deep`)
    this.#depth++
    try {
      return await step()
    } finally {
      this.#depth--
    }
  }

  /** Frees everything. */
  async close(): Promise<void> {
    await this.keep(undefined).finally(() => this.#closeStore())
  }

  /** Tells the user what went wrong; returns the exit code. */
  report(error: unknown): number {
    return report(error, new Context({ ...this.io, env: this.#env }), [])
  }

  async #dispatch(words: string[], command: CommandLine): Promise<number> {
    const { shell } = command
    if (shell !== undefined) return this.surroundings.withTerminal(() => this.#withStreams(words, command, openStreams(shell, this.#env)))
    return this.#withStreams(words, command, this.surroundings.stdout())
  }

  async #withStreams(words: string[], { input, source: line }: CommandLine, streams: Streams): Promise<number> {
    let source: (Source & { close(): void }) | undefined
    let code: number
    try {
      source = input === undefined ? undefined : openSource(input)
      code = await this.#runWords(words, { stdin: source ?? this.#typed(), stdout: streams.sink, stderr: this.io.stderr, env: this.#env }, line)
    } catch (error) {
      code = this.report(error)
    } finally {
      source?.close()
    }
    this.#waitedMs += streams.waitedMs ?? 0
    const shellCode = await this.#apart(() => streams.end())
    return code === 0 ? (shellCode ?? 0) : code
  }

  async #runWords(words: readonly string[], io: Io, line: string): Promise<number> {
    const name = words[0]
    if (name?.startsWith('.')) {
      const dot = Object.hasOwn(DOT_COMMANDS, name) ? (DOT_COMMANDS[name as keyof typeof DOT_COMMANDS] as DotCommand) : undefined
      if (dot === undefined) throw new KvError('KV_USAGE', `no such command: ${name}`, { hint: '.help lists the commands of a session' })
      return (await dot.run(this, words.slice(1), io)) ?? 0
    }
    if (name === 'repl') throw new KvError('KV_USAGE', 'this is a session already', { hint: '.read FILE runs a script' })
    this.undo.begin(escapeLine(line.trim()))
    const code = await runLine(new Context(io, this.#host()), words)
    this.undo.end()
    return code
  }

  #host(): Host {
    return {
      signal: this.signal,
      store: (globals, options) => this.#sharedFor(globals, options),
      atKeyboard: (step) => this.#apart(() => this.surroundings.atKeyboard(step)),
    }
  }

  /** What the user types for a command. */
  #typed(): Source {
    const { isTTY, fd, readAll } = this.surroundings.stdin
    return { isTTY, fd, readAll: (maxBytes) => this.#apart(async () => readAll(maxBytes)) }
  }

  /** Time spent with the user is not the command's. */
  async #apart<T>(step: () => Promise<T>): Promise<T> {
    const began = performance.now()
    try {
      return await step()
    } finally {
      this.#waitedMs += performance.now() - began
    }
  }

  #sharedFor(globals: GlobalOptions, { sync = true }: StoreOptions): Promise<Store> | undefined {
    const same = sync && globals.store === this.#globals.store && globals.lockTimeoutMs === this.#globals.lockTimeoutMs
    return same ? this.store() : undefined
  }

  async #open({ store, storeIsDefault, lockTimeoutMs }: GlobalOptions): Promise<Store> {
    const driver = await openDriver(store, { lockTimeoutMs, makeFolder: storeIsDefault })
    return new Store(store, new RecordingDriver(driver, this.undo))
  }

  async #closeStore(): Promise<void> {
    const store = await this.#store?.catch(() => undefined)
    this.#store = undefined
    await store?.close()
  }
}

/** The session's own flags, as the variables from which its lines take them. */
function environmentOf(globals: GlobalOptions): Record<string, string> {
  const { store, storeIsDefault, format, json, quiet, color, input, lockTimeoutMs, debug } = globals
  const flag = (on: boolean): string => (on ? '1' : '')
  return {
    ...(storeIsDefault ? {} : { KV_STORE: store }),
    KV_FORMAT: json ? '' : (format ?? ''),
    KV_JSON: flag(json),
    KV_QUIET: flag(quiet),
    KV_NO_COLOR: flag(!color),
    KV_NO_INPUT: flag(!input),
    KV_LOCK_TIMEOUT: `${lockTimeoutMs}ms`,
    KV_DEBUG: flag(debug),
  }
}
