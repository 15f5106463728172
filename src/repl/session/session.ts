import { Context, type Program, type SessionHost } from '../../cli/context.ts'
import { commandName } from '../../cli/called.ts'
import type { Env } from '../../cli/environment.ts'
import { type GlobalOptions, resolveGlobals, variablesOf } from '../../cli/options.ts'
import { Foreground } from '../../process/interrupt.ts'
import { report } from '../../cli/report.ts'
import { runLine } from '../../cli/run.ts'
import { within } from '../../async.ts'
import { usageError } from '../../errors.ts'
import type { Io, Sink, Source } from '../../io.ts'
import { escapeLine } from '../../safe-text.ts'
import type { Store } from '../../store/store.ts'
import { type CommandLine, expandHome } from '../language/lexer.ts'
import type { Word } from '../language/word-reader.ts'
import { type InheritedStreams, openLine } from '../streams/line-streams.ts'
import { type ProgramOptions, runShell } from '../streams/shell.ts'
import type { Snapshot } from '../undo/snapshot.ts'
import { UndoLog, type Undone } from '../undo/undo.ts'
import { CommandTime } from './command-time.ts'
import type { Frontend } from './frontend.ts'
import { helpOn } from './help.ts'
import { Nesting } from './nesting.ts'
import { type Answers, SavedLines, isSaved, savedText } from './saved-lines.ts'
import { SessionStore } from './session-store.ts'
import { LEAVING, wordHint } from './word-hint.ts'

/** A store that takes longer to open, in milliseconds, is waited for by the first command. */
const OPEN_MS = 500

/** A command of the session itself. */
export interface DotCommand {
  /** Its arguments, for help and hints; a word in the manner of commander: `<file>`, `[topic]`. */
  readonly usage: string
  readonly summary: string
  /** Runs it; resolves to an exit code when that is not 0. */
  run(session: Session, words: readonly string[], io: Io): Promise<number | void>
}

/**
 * The state that command lines share: the open store, the options every line begins with, what can be undone, and the
 * good lines so far. Each line runs as one of the shell does, in a program and context of its own.
 */
export class Session {
  readonly io: Io
  readonly program: Program
  /** The commands of the session itself, by name. */
  readonly dotCommands: Readonly<Record<string, DotCommand>>
  readonly frontend: Frontend
  /** Commands that ended with 0, for `.save`. */
  readonly saved = new SavedLines()
  readonly foreground = new Foreground()
  readonly nesting = new Nesting()
  /** Whether every command shows its time. */
  timer = false
  /** Exit code of the newest command. */
  lastExit = 0
  /** How long the newest command took. */
  readonly time = new CommandTime()
  /** Set when the session should end. */
  ended = false
  readonly #undo = new UndoLog()
  #globals: GlobalOptions
  readonly #store: SessionStore
  #snapshot: Snapshot | undefined
  #isLive = false
  #commands = 0
  #answers: Answers = { typed: undefined, asked: false }
  #streams: InheritedStreams = {}
  #placeReported = false
  /** Whether Ctrl-D stops the running command. */
  #endOfInputStops = false

  constructor(ctx: Context, frontend: Frontend, dotCommands: Session['dotCommands']) {
    this.io = ctx.io
    this.program = ctx.program
    this.dotCommands = dotCommands
    this.frontend = frontend
    this.#globals = ctx.globals
    this.#store = new SessionStore(ctx, this.#undo)
  }

  /** The options a line begins with. */
  get globals(): GlobalOptions {
    return this.#globals
  }

  /**
   * The session's store, opened on the first call and kept open. Throws `KV_INTERRUPTED` when the user does not wait
   * for it.
   */
  store(): Promise<Store> {
    return this.#store.get(this.signal)
  }

  /**
   * Opens the store when the session begins, and reports what is wrong with it; the session goes on, for `.open`.
   * One that takes longer than {@link OPEN_MS} is waited for by the first command that needs it, which reports it.
   */
  async start(): Promise<void> {
    let isLate = false
    const open = (): Promise<unknown> => this.store().catch((error: unknown) => void (isLate || this.report(error)))
    await this.foreground.run(() => within(open(), OPEN_MS))
    isLate = true
  }

  /** Goes on with another store; the old one is closed once the new one is open. */
  async open(location: string): Promise<void> {
    const globals = resolveGlobals({ store: location }, this.io.env, this.#globals)
    await this.#store.change(globals, this.context())
    this.#globals = globals
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
  }

  /** Stops the running command where end of input does that; false where it does not. */
  endInput(): boolean {
    return this.#endOfInputStops && this.foreground.stop()
  }

  /** The environment of programs: a kv among them finds the session's store and options. */
  get programEnv(): Env {
    return { ...this.io.env, ...variablesOf(this.#globals) }
  }

  /** Aborted when the user stops the running command. */
  get signal(): AbortSignal {
    return this.foreground.signal
  }

  /** Where messages go now. */
  get stderr(): Sink {
    return this.#streams.stderr ?? this.io.stderr
  }

  /**
   * Runs one command; resolves to its exit code. Never throws.
   * @param options `save` false: it is not one that `.save` writes; `isLive`: its data are soon replaced by others
   */
  async run(command: CommandLine, { save = true, isLive = false } = {}): Promise<number> {
    const words = command.words.map((word) => this.#text(word))
    if (words[0] === 'kv' && words.length > 1) words.shift()
    if (words.length === 0 && command.program === undefined) return 0
    this.#placeReported = this.#endOfInputStops = false
    const answers: Answers = (this.#answers = { typed: undefined, asked: false })
    const id = ++this.#commands
    const { isOuter } = this.nesting
    if (isOuter || isLive) this.#isLive = isLive
    const run = (): Promise<number> => this.foreground.run(() => this.#dispatch(id, words, command))
    this.lastExit = await (isOuter ? this.time.of(run) : run())
    if (save && this.lastExit === 0 && !LEAVING.has(words[0]!) && isSaved(words[0]))
      this.saved.add(id, savedText(command, answers, this.program.commands))
    return this.lastExit
  }

  /** Puts back what the last command that wrote has changed. Throws `KV_NOT_UNDONE` when it cannot. */
  async takeBack(): Promise<Undone> {
    const undone = await this.#undo.undo(await this.store(), () => this.#store.identity(), this.signal)
    this.saved.toggle(undone.id)
    return undone
  }

  /** Says where a script is, unless the script within it has said so already. */
  reportPlace(place: string, once: boolean): void {
    if (once && this.#placeReported) return
    this.#placeReported = true
    this.stderr.write(`kv: ${place}\n`)
  }

  /** Stops the running command, waits until it has cleaned up, and frees everything. */
  async stop(): Promise<void> {
    await this.foreground.end()
    await this.close()
  }

  /** Frees everything. */
  async close(): Promise<void> {
    await this.keep(undefined).finally(() => this.#store.close())
  }

  /** Tells the user what went wrong; returns the exit code. */
  report(error: unknown): number {
    return report(error, this.context({ ...this.io, stderr: this.stderr }), [])
  }

  async #dispatch(id: number, words: string[], command: CommandLine): Promise<number> {
    const { program } = command
    try {
      if (program !== undefined) {
        const stdin = this.frontend.sharesStdin && this.#streams.stdin === undefined
        return await this.time.without(() =>
          this.frontend.withTerminal(() => runShell(program, { ...this.#programs(), stdin })),
        )
      }
      const step = (): Promise<number> => this.#redirected(id, words, command)
      return await (command.shell === undefined ? step() : this.frontend.withTerminal(step))
    } catch (error) {
      return this.report(error)
    }
  }

  /** Runs a command with the streams that its redirections ask for. */
  async #redirected(id: number, words: string[], command: CommandLine): Promise<number> {
    const outer = this.#streams
    const { stdin, streams, stderr, inherited, close } = openLine(command, {
      outer,
      io: this.io,
      typed: () => this.#typed(),
      stdout: () => this.frontend.stdout(this.#isLive),
      programs: this.#programs(),
      text: (word) => this.#text(word),
    })
    try {
      this.#streams = inherited
      const io = { stdin, stdout: streams.sink, stderr, env: this.io.env }
      const code = await this.#runWords(id, words, io, command).catch((error: unknown) => this.report(error))
      this.time.waited(streams.waitedMs ?? 0)
      const shellCode = await this.time.without(() => streams.end(code))
      return code === 0 ? (shellCode ?? 0) : code
    } finally {
      this.#streams = outer
      close()
    }
  }

  #programs(): ProgramOptions {
    return { env: this.programEnv, stdout: this.#streams.stdout, signal: this.signal }
  }

  #text(word: Word): string {
    return expandHome(word, this.io.env['HOME'])
  }

  async #runWords(id: number, words: readonly string[], io: Io, { source }: CommandLine): Promise<number> {
    const name = words.length === 1 && LEAVING.has(words[0]!) ? '.exit' : words[0]!
    if (name.startsWith('.')) {
      if (!Object.hasOwn(this.dotCommands, name)) throw usageError(`no such command: ${name}`, wordHint(name, this))
      return (await this.dotCommands[name]!.run(this, words.slice(1), io)) ?? 0
    }
    if (name === 'repl' || name === 'kv') throw usageError('this is a session already', '.read FILE runs a script')
    const { commands } = this.program
    if (!name.startsWith('-') && !Object.hasOwn(commands, name))
      throw usageError(`unknown command ${name}`, wordHint(name, this))
    this.#undo.begin(
      id,
      escapeLine(source.trim()),
      commandName(words, commands) === 'serve' ? 'what others wrote through the server cannot be undone' : undefined,
    )
    return runLine(this.context(io), words).finally(() => this.#undo.end())
  }

  /** The context of a line. */
  context(io = this.io): Context {
    return new Context(io, this.program, this.#host())
  }

  #host(): SessionHost {
    return {
      globals: this.#globals,
      passwords: this.#store.passwords,
      signal: this.signal,
      store: (globals, sync) => this.#store.forLine(globals, sync, this.signal),
      endless: () => (this.#endOfInputStops = this.frontend.allowsEndless()),
      help: (topic) => helpOn(topic, this.dotCommands),
      wrap: (driver, globals) => this.#store.wrap(driver, globals),
      atKeyboard: (step) => {
        this.#answers.asked = true
        return this.time.without(() => this.frontend.atKeyboard(step))
      },
    }
  }

  /** What the user types for a command. */
  #typed(): Source {
    const { isTTY, fd, readAll } = this.frontend.stdin
    const answers = this.#answers
    return {
      isTTY,
      fd,
      readAll: (maxBytes) => this.time.without(async () => (answers.typed = await readAll(maxBytes))),
    }
  }
}
