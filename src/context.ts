import { openStore } from './index.ts'
import type { Io } from './io.ts'
import { type GlobalFlags, type GlobalOptions, readToken, resolveGlobals, useColor } from './options.ts'
import { Printer } from './output/printer.ts'
import type { Store } from './store/store.ts'

/** What a command opens its store with besides the global options. */
export interface StoreOptions {
  /** False for `--no-sync`. */
  sync?: boolean | undefined
}

/**
 * What a command works with: the resolved options, the store (opened when first asked for), the
 * printer and the streams. One per command line; a session may share a store between many.
 */
export class Context {
  readonly io: Io
  #globals: GlobalOptions | undefined
  #store: Promise<Store> | undefined
  #printer: Printer | undefined

  constructor(io: Io) {
    this.io = io
  }

  /** What the process ends with when nothing was thrown; a command may set it to 1 for a partial answer. */
  exitCode = 0

  /** Whether to show stacks, also when the options could not be read. */
  get debug(): boolean {
    return this.#globals?.debug ?? Boolean(this.io.env['KV_DEBUG'])
  }

  /** Takes the program's flags; called once, before the command runs. */
  configure(flags: GlobalFlags): void {
    this.#globals = resolveGlobals(flags, this.io.env)
  }

  /** The resolved global options. */
  get globals(): GlobalOptions {
    this.#globals ??= resolveGlobals({}, this.io.env)
    return this.#globals
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

  /** The store; opened on the first call. */
  store(options: StoreOptions = {}): Promise<Store> {
    this.#store ??= this.#openStore(options)
    return this.#store
  }

  /** Whether progress is drawn: stderr is a terminal that can take a line back, and nobody asked for quiet. */
  get drawsProgress(): boolean {
    return this.io.stderr.isTTY && !this.globals.quiet && this.io.env['TERM'] !== 'dumb'
  }

  /** Whether messages are coloured. */
  get colorsMessages(): boolean {
    return useColor(this.io.stderr.isTTY, this.globals, this.io.env)
  }

  /** A message for people, on stderr: a line, unless `--quiet`. */
  say(message: string): void {
    if (!this.globals.quiet) this.io.stderr.write(`${message}\n`)
  }

  /** Closes what was opened; waits for writes under way. */
  async close(): Promise<void> {
    const store = await this.#store?.catch(() => undefined)
    this.#store = undefined
    await store?.close()
  }

  async #openStore({ sync = true }: StoreOptions): Promise<Store> {
    if (!sync) this.say('kv: --no-sync: a power loss can take the newest writes of this command')
    const { store, storeIsDefault, lockTimeoutMs } = this.globals
    const token = /^https?:/i.test(store) ? readToken(this.globals) : undefined
    return openStore(store, { sync, lockTimeoutMs, makeFolder: storeIsDefault, token })
  }
}
