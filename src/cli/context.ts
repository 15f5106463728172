import { turn } from '../async.ts'
import type { Command } from 'commander'
import { openDriver } from '../drivers/index.ts'
import { parseLocation } from '../drivers/location.ts'
import { interrupted } from '../errors.ts'
import type { Io } from '../io.ts'
import { Printer } from '../output/printer.ts'
import type { Abortable, Driver } from '../store/driver/driver.ts'
import { kvFor } from '../shell-quote.ts'
import { Store } from '../store/store.ts'
import type { KeyReader } from '../terminal/key-reader.ts'
import { Passwords, credentialsFor } from './credentials.ts'
import { isDumb, isOn, useColor } from './environment.ts'
import { Interrupt } from '../process/interrupt.ts'
import { type GlobalFlags, type GlobalOptions, resolveGlobals } from './options.ts'

/** The program as its commands and a session see it. */
export interface Program {
  /** Every command by name, in the order of the help text. */
  readonly commands: Readonly<Record<string, { readonly summary: string }>>
  /** The program for one command line. Of the commands only the one that is called is loaded. */
  build(ctx: Context, argv: readonly string[]): Promise<Command>
  /** What runs a line that needs no program for it: one without options, see `plainLine`. */
  plain(argv: readonly string[]): ((ctx: Context) => Promise<void>) | undefined
}

/** What a store is opened with besides the global options. */
interface OpenOptions {
  /** False for `--no-sync`. */
  readonly sync?: boolean | undefined
  /** Whether a damaged file is opened too, for its repair; not the one that a session has open. */
  readonly evenDamaged?: boolean | undefined
  /** Bytes of memory for what single keys hold, in a store of its own. Default: none. */
  readonly cache?: number | undefined
  /** Stops the opening: a server may take its time. Default: the signal of the command. */
  readonly signal?: AbortSignal | undefined
  /** Puts a driver around the store's own. */
  readonly wrap?: ((driver: Driver) => Driver) | undefined
}

/** What a command says of the store that it opens. */
type OwnStore = Pick<OpenOptions, 'sync' | 'evenDamaged' | 'cache'>

/** What a session gives to each of its command lines. */
export interface SessionHost {
  /** The options that a line begins with. */
  readonly globals: GlobalOptions
  /** Those that were typed in the session. */
  readonly passwords: Passwords
  /** Aborted when the user stops the running command. */
  readonly signal: AbortSignal
  /** The session's open store, when the line means that one; it stays open after the line. */
  store(globals: GlobalOptions, sync: boolean): Promise<Store> | undefined
  /** Puts a driver around that of a line that opens a store of its own. */
  wrap(driver: Driver, globals: GlobalOptions): Driver
  /**
   * The running command does not end by itself: Ctrl-D stops it too. Throws `KV_USAGE` where a program waits for the
   * status of every command.
   */
  endless(): void
  /** The help on a command of the session itself, with its dot or without; `undefined` for any other word. */
  help(topic: string): string | undefined
  /** Runs a step that reads keys, such as a question. */
  atKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T>
}

/** Entries printed in one go: 10 ms of a table. */
const PACED_ENTRIES = 100

/**
 * What a command works with: the resolved options, the store (opened when first asked for), the
 * printer and the streams. One per command line; a session shares its store between many.
 */
export class Context {
  readonly io: Io
  readonly program: Program
  /** The session that this is a line of. */
  readonly session: SessionHost | undefined
  readonly passwords: Passwords
  readonly #interrupt = new Interrupt()
  #flags: GlobalFlags = {}
  #globals: GlobalOptions | undefined
  #store: Promise<Store> | undefined
  /** Stores that were opened for this line alone. */
  readonly #opened: Promise<Store>[] = []
  #printer: Printer | undefined

  constructor(io: Io, program: Program, session?: SessionHost) {
    this.io = io
    this.program = program
    this.session = session
    this.passwords = session?.passwords ?? new Passwords()
  }

  /** What the process ends with when nothing was thrown; a command may set it to 1 for a partial answer. */
  exitCode = 0

  /** Whether to show stacks, also when the options could not be read. */
  get debug(): boolean {
    return (this.#globals ?? this.session?.globals)?.debug ?? isOn(this.io.env, 'KV_DEBUG')
  }

  /** Takes the program's flags; called once, before the command runs. */
  configure(flags: GlobalFlags): void {
    this.#flags = flags
    this.#globals = resolveGlobals(flags, this.io.env, this.session?.globals)
  }

  /** How a hint begins a command line for the same store: `kv`, with `--store` unless it is the default one. */
  get kv(): string {
    return this.globals.storeIsDefault ? 'kv' : kvFor(this.globals.store)
  }

  /** The resolved global options. */
  get globals(): GlobalOptions {
    if (this.#globals === undefined) this.configure({})
    return this.#globals!
  }

  /**
   * Aborted when the user stops this command: by Ctrl-C in a session, elsewhere by a signal once {@link handleSignals}
   * was called.
   */
  get signal(): AbortSignal {
    return this.session?.signal ?? this.#interrupt.signal
  }

  /** {@link signal} as an option of a read or write; none where nothing can abort it, as in most commands of a shell. */
  get abortable(): Abortable {
    return this.inSession || this.#interrupt.isHandling ? { signal: this.signal } : {}
  }

  /**
   * For a command that has something to finish or to clean up when SIGINT, SIGTERM or SIGHUP comes, or one of those
   * named: the first aborts {@link signal}, a second ends the process at once. In a session it is the session that handles them.
   */
  handleSignals(signals?: readonly NodeJS.Signals[]): void {
    if (this.session === undefined) this.#interrupt.handle(signals)
  }

  /**
   * From now on SIGINT, SIGTERM and SIGHUP go to `receiver`, for a program that this command runs, and abort nothing; of
   * a session, its Ctrl-C.
   */
  passSignals(receiver: (signal: NodeJS.Signals) => void): void {
    if (this.session === undefined) this.#interrupt.passTo(receiver)
    else this.session.signal.addEventListener('abort', () => receiver('SIGINT'), { once: true })
  }

  /** The signal that has stopped this command; a Ctrl-C in a session. */
  get stoppedBy(): NodeJS.Signals {
    return this.#interrupt.received ?? 'SIGINT'
  }

  /** Where a signal has stopped this command: closes everything and ends the process by that signal. */
  async endBySignal(): Promise<void> {
    if (this.#interrupt.received === undefined) return
    await this.close()
    this.#interrupt.raise()
  }

  /** Whether this is a line of a session. */
  get inSession(): boolean {
    return this.session !== undefined
  }

  /** The printer for data, on stdout. */
  get print(): Printer {
    this.#printer ??= new Printer(this.io.stdout, {
      format: this.globals.format,
      json: this.globals.json,
      color: useColor(this.io.stdout.isTTY, this.globals, this.io.env),
    })
    return this.#printer
  }

  /** The store; opened on the first call. `sync` is false for `--no-sync`. */
  store({ sync = true, evenDamaged = false, cache }: OwnStore = {}): Promise<Store> {
    this.#store ??= this.#shared(this.globals, { sync, evenDamaged, cache })
    return this.#store
  }

  /**
   * The store at another location than `--store`, with the other options of the line; `--max-entries` is for one that the
   * line may make.
   */
  storeAt(location: string, { sync = true, mayMake = false } = {}): Promise<Store> {
    const { maxEntries, ...others } = this.#flags
    const flags = { ...others, ...(mayMake && { maxEntries }), store: location }
    const globals = resolveGlobals(flags, this.io.env, this.session?.globals)
    return this.#shared(globals, { sync })
  }

  /**
   * Opens the store that global options name, with all that they say of it: the one place that does, for commands,
   * sessions and benchmarks. Throws what `openDriver` and `credentialsFor` throw.
   */
  async open(
    globals: GlobalOptions,
    { sync, evenDamaged, cache, signal, wrap = (driver) => driver }: OpenOptions = {},
  ): Promise<Store> {
    const { store, storeIsDefault, lockTimeoutMs, timeoutMs, maxEntries, maxEntriesFlag } = globals
    const bound = { maxEntries, anyBound: !maxEntriesFlag }
    const options = parseLocation(store).isRemote
      ? {
          timeoutMs,
          credentials: await credentialsFor(this, globals),
          signal: signal ?? this.signal,
          ...(maxEntriesFlag && bound),
          cache,
        }
      : { timeoutMs: lockTimeoutMs, makeFolder: storeIsDefault, evenDamaged, cache, ...bound }
    return new Store(store, wrap(await openDriver(store, { ...options, durable: sync })))
  }

  /** Whether progress is drawn: stderr is a terminal that can take a line back, and nobody asked for quiet. */
  get drawsProgress(): boolean {
    return this.io.stderr.isTTY && !this.globals.quiet && !isDumb(this.io.env)
  }

  /** Whether messages are coloured. */
  get colorsMessages(): boolean {
    return useColor(this.io.stderr.isTTY, this.globals, this.io.env)
  }

  /** A message for people, on stderr: a line, unless `--quiet`. */
  say(message: string): void {
    if (!this.globals.quiet) this.io.stderr.write(`${message}\n`)
  }

  /**
   * The same items; in a session in pages so small that none takes long to print, and with a turn of the event loop
   * between two, in which Ctrl-C is heard and the reader of the output catches up. Throws `KV_INTERRUPTED`.
   */
  paced<T>(pages: AsyncIterable<Uint8Array | T[]>): AsyncIterable<Uint8Array | T[]> {
    return this.session === undefined ? pages : this.#inParts(pages, this.session.signal)
  }

  async *#inParts<T>(
    pages: AsyncIterable<Uint8Array | T[]>,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array | T[], void, void> {
    for await (const page of pages) {
      for (let from = 0; from < page.length; from += PACED_ENTRIES) {
        const part = page instanceof Uint8Array ? page : page.slice(from, from + PACED_ENTRIES)
        yield part
        await this.io.stdout.drained?.()
        await turn()
        if (signal.aborted) throw interrupted(signal)
        if (part === page) break
      }
    }
  }

  /** Runs a step that reads keys, such as a question; only where stdin is a terminal and `TERM` can be drawn on. */
  async atKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T> {
    if (this.session !== undefined) return this.session.atKeyboard(step)
    const { withKeyboard } = await import('../terminal/key-reader.ts')
    return withKeyboard(step)
  }

  /** Closes what was opened for this line; waits for writes under way. */
  async close(): Promise<void> {
    const opened = this.#opened.splice(0)
    this.#store = undefined
    for (const store of opened) await (await store.catch(() => undefined))?.close()
    this.#interrupt.release()
  }

  /** The store of the session, where that is the one, or a new one. */
  #shared(globals: GlobalOptions, how: OwnStore): Promise<Store> {
    const shared = how.cache === undefined ? this.session?.store(globals, how.sync ?? true) : undefined
    if (shared !== undefined) return shared
    const own = this.#openOwn(globals, how)
    this.#opened.push(own)
    return own
  }

  async #openOwn(globals: GlobalOptions, { sync, evenDamaged, cache }: OwnStore): Promise<Store> {
    const { session } = this
    const wrap = session && ((driver: Driver) => session.wrap(driver, globals))
    const store = await this.open(globals, { sync, evenDamaged, cache, wrap })
    if (sync === false) this.say('kv: --no-sync: a power loss can take the newest writes of this command')
    return store
  }
}
