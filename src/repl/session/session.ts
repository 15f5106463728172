import type { GlobalOptions } from '../../cli/options.ts'
import { homedir } from 'node:os'
import { Context, type Host } from '../../cli/context.ts'
import { usageError } from '../../errors.ts'
import type { Io, Sink, Source } from '../../io.ts'
import { escapeLine } from '../../safe-text.ts'
import { runLine, report } from '../../cli/run.ts'
import type { Store } from '../../store/store.ts'
import { type DotCommand, DOT_COMMANDS } from './dot-commands.ts'
import { type CommandLine, type Word, expandHome } from '../language/lexer.ts'
import { type Lent, openLine } from './line-streams.ts'
import { Nesting } from './nesting.ts'
import { type ProgramOptions, runShell } from './redirection.ts'
import { type Given, SavedLines, isSaved, savedText } from './saved-lines.ts'
import { commandName } from '../../cli/program.ts'
import { environmentOf, programEnvironment } from './environment.ts'
import { LEAVING, wordHint } from '../language/foreign-words.ts'
import { SessionStore } from './session-store.ts'
import type { Snapshot } from '../undo/snapshot.ts'
import type { Surroundings } from '../frontend.ts'
import { UndoLog, type Undone } from '../undo/undo.ts'

/**
 * The state that command lines share: the open store, the options every line begins with, what
 * can be undone, and the good lines so far. Each line runs as one of the shell does, in a program
 * and context of its own.
 */
export class Session {
  readonly io: Io
  readonly surroundings: Surroundings
  /** Commands that ended with 0, for `.save`. */
  readonly saved = new SavedLines()
  /** How deep commands run others. */
  readonly nesting = new Nesting()
  /** Whether every command shows its time. */
  timer = false
  /** Exit code of the newest command. */
  lastExit = 0
  /** Milliseconds the newest command took, waiting for the user not counted. */
  lastMs = 0
  /** Set when the session should end. */
  ended = false
  readonly #undo = new UndoLog()
  readonly #env: Record<string, string | undefined>
  #globals: GlobalOptions
  readonly #store: SessionStore
  #snapshot: Snapshot | undefined
  #abort: AbortController | undefined
  #running: Promise<unknown> | undefined
  #waitedMs = 0
  #isLive = false
  #commands = 0
  #given: Given = { typed: undefined, asked: false }
  #lent: Lent = {}
  #placeTold = false
  #hearsEnd = false

  constructor(io: Io, globals: GlobalOptions, surroundings: Surroundings) {
    this.io = io
    this.#env = { ...io.env, ...environmentOf(globals) }
    this.#globals = globals
    this.#store = new SessionStore(globals, this.#undo)
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

  /**
   * The session's store, opened on the first call and kept open. Throws `KV_INTERRUPTED` when the user does not wait
   * for it.
   */
  store(): Promise<Store> {
    return this.#store.get(this.signal)
  }

  /**
   * Opens the store when the session begins; tells what is wrong with it, and goes on, for `.open`. Ctrl-C stops it.
   */
  async start(): Promise<void> {
    await this.stoppable(async () => {
      await this.store().catch((error: unknown) => this.report(error))
    })
  }

  /** Goes on with another store; the old one is closed once the new one is open. */
  async open(location: string): Promise<void> {
    const globals = { ...this.#globals, store: location, storeIsDefault: false }
    await this.#store.change(globals, this.signal)
    this.#globals = globals
    this.#env['KV_STORE'] = location
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

  /** Runs a step whose data are soon replaced by others. */
  async live<T>(step: () => Promise<T>): Promise<T> {
    const outer = this.#isLive
    this.#isLive = true
    try {
      return await step()
    } finally {
      this.#isLive = outer
    }
  }

  /** Stops the running command; false when none runs. */
  interrupt(): boolean {
    this.#abort?.abort()
    return this.#abort !== undefined
  }

  /** Stops the running command where end of input does that; false where it does not. */
  endInput(): boolean {
    return this.#hearsEnd && this.interrupt()
  }

  /** Aborted when the user stops the running command. */
  get signal(): AbortSignal {
    return (this.#abort ?? new AbortController()).signal
  }

  /** Where messages go now. */
  get stderr(): Sink {
    return this.#lent.stderr ?? this.io.stderr
  }

  /** Runs one command; resolves to its exit code. Never throws. With `save` false it is not one that `.save` writes. */
  async run(command: CommandLine, { save = true } = {}): Promise<number> {
    const words = command.words.map((word) => this.#text(word))
    if (words[0] === 'kv' && words.length > 1) words.shift()
    if (words.length === 0 && command.program === undefined) return 0
    this.#placeTold = this.#hearsEnd = false
    const given: Given = (this.#given = { typed: undefined, asked: false })
    const id = ++this.#commands
    const isOuter = this.nesting.isOuter
    if (isOuter) this.#waitedMs = 0
    const began = performance.now()
    this.lastExit = await this.stoppable(() => this.#dispatch(id, words, command))
    if (isOuter) this.lastMs = performance.now() - began - this.#waitedMs
    if (save && this.lastExit === 0 && !LEAVING.has(words[0]!) && isSaved(words[0]))
      this.saved.add(id, savedText(command, given))
    return this.lastExit
  }

  /** Puts back what the last command that wrote has changed. Throws `KV_CONDITION` when it cannot. */
  async takeBack(): Promise<Undone> {
    const undone = await this.#undo.undo(await this.store(), () => this.#store.identity(), this.signal)
    this.saved.toggle(undone.id)
    return undone
  }

  /** Says where a script is, unless the script within it has said so already. */
  tellPlace(place: string, once: boolean): void {
    if (once && this.#placeTold) return
    this.#placeTold = true
    this.stderr.write(`kv: ${place}\n`)
  }

  /** Stops the running command, waits until it has cleaned up, and frees everything. */
  async stop(): Promise<void> {
    this.interrupt()
    await this.#running
    await this.close()
  }

  /** Frees everything. */
  async close(): Promise<void> {
    await this.keep(undefined).finally(() => this.#store.close())
  }

  /** Tells the user what went wrong; returns the exit code. */
  report(error: unknown): number {
    return report(error, new Context({ ...this.io, stderr: this.stderr, env: this.#env }), [])
  }

  /** Runs a step that {@link interrupt} can stop. */
  async stoppable<T>(step: () => Promise<T>): Promise<T> {
    if (this.#abort !== undefined) return step()
    this.#abort = new AbortController()
    const running = step().finally(() => (this.#abort = undefined))
    this.#running = running.catch(() => {})
    return running
  }

  async #dispatch(id: number, words: string[], command: CommandLine): Promise<number> {
    const { program } = command
    try {
      if (program !== undefined) {
        const stdin = this.surroundings.lendsStdin && this.#lent.stdin === undefined
        return await this.#apart(() =>
          this.surroundings.withTerminal(() => runShell(program, { ...this.#programs(), stdin })),
        )
      }
      const step = (): Promise<number> => this.#redirected(id, words, command)
      return await (command.shell === undefined ? step() : this.surroundings.withTerminal(step))
    } catch (error) {
      return this.report(error)
    }
  }

  /** Runs a command with the streams that its redirections ask for. */
  async #redirected(id: number, words: string[], command: CommandLine): Promise<number> {
    const outer = this.#lent
    const { stdin, streams, stderr, lent, close } = openLine(command, {
      outer,
      io: this.io,
      typed: () => this.#typed(),
      stdout: () => this.surroundings.stdout(this.#isLive),
      programs: this.#programs(),
      text: (word) => this.#text(word),
      signal: this.signal,
    })
    try {
      this.#lent = lent
      const io = { stdin, stdout: streams.sink, stderr, env: this.#env }
      const code = await this.#runWords(id, words, io, command).catch((error: unknown) => this.report(error))
      this.#waitedMs += streams.waitedMs ?? 0
      const shellCode = await this.#apart(() => streams.end(code))
      return code === 0 ? (shellCode ?? 0) : code
    } finally {
      this.#lent = outer
      close()
    }
  }

  #programs(): ProgramOptions {
    return { env: programEnvironment(this.#globals, this.#env), stdout: this.#lent.stdout, signal: this.signal }
  }

  #text(word: Word): string {
    return expandHome(word, this.#env['HOME'] || homedir())
  }

  async #runWords(id: number, words: readonly string[], io: Io, { source }: CommandLine): Promise<number> {
    const name = words.length === 1 && LEAVING.has(words[0]!) ? '.exit' : words[0]!
    if (name.startsWith('.')) {
      const dot = Object.hasOwn(DOT_COMMANDS, name)
        ? (DOT_COMMANDS[name as keyof typeof DOT_COMMANDS] as DotCommand)
        : undefined
      if (dot === undefined) throw usageError(`no such command: ${name}`, wordHint(name))
      return (await dot.run(this, words.slice(1), io)) ?? 0
    }
    if (name === 'repl' || name === 'kv') throw usageError('this is a session already', '.read FILE runs a script')
    if (!name.startsWith('-') && commandName([name]) === undefined)
      throw usageError(`unknown command ${name}`, wordHint(name))
    this.#undo.begin(
      id,
      escapeLine(source.trim()),
      commandName(words) === 'serve' ? 'what others wrote through the server cannot be undone' : undefined,
    )
    return runLine(new Context(io, this.#host()), words).finally(() => this.#undo.end())
  }

  #host(): Host {
    return {
      signal: this.signal,
      store: (globals, options) => this.#store.forLine(globals, options, this.signal),
      hearEnd: () => (this.#hearsEnd = true),
      wrap: (driver, globals) => this.#store.wrap(driver, globals),
      atKeyboard: (step) => {
        this.#given.asked = true
        return this.#apart(() => this.surroundings.atKeyboard(step))
      },
    }
  }

  /** What the user types for a command. */
  #typed(): Source {
    const { isTTY, fd, readAll } = this.surroundings.stdin
    const given = this.#given
    return { isTTY, fd, readAll: (maxBytes) => this.#apart(async () => (given.typed = await readAll(maxBytes))) }
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
}
