import type { Decoded } from '../wire/message.ts'
import { METHODS, type WatchResponse } from '../wire/messages.ts'
import { CallError, type CallOptions, type MessageStream, type Transport } from '../cluster/transport.ts'
import type { EtcdRange } from '../keys.ts'

/** How often a member is asked how far it is while it has nothing to report, in milliseconds. */
const ASK_MS = 1000

/** What a member sends. */
export type WatchMessage = Decoded<typeof WatchResponse>

/** Statuses of gRPC by their names in reasons. */
const DEADLINE_EXCEEDED = 4
const UNAVAILABLE = 14
const STATUSES: Readonly<Record<string, number>> = { InvalidArgument: 3, PermissionDenied: 7, Unauthenticated: 16 }

/** What a stream begins with. */
export interface Begin {
  readonly range: EtcdRange
  /** The first revision. */
  readonly from: number
  /**
   * Have messages of many bytes come in parts. etcd takes a time for that that grows with the square of the changes in a part: 4 s
   * for the 20,000 short ones in 2 MiB. Without, up to 1000 revisions come in one message.
   */
  readonly fragment: boolean
}

/**
 * The changes that one member reports, a message at a time: the next is read when one has been taken, so etcd keeps what nobody
 * takes. While nothing comes, the member is asked how far it is; one that does not answer has failed.
 */
export class WatchStream {
  readonly member: Transport
  readonly #options: CallOptions
  readonly #stream: MessageStream<Parameters<typeof METHODS.watch.encode>[0], WatchMessage>
  readonly #messages: AsyncIterator<WatchMessage>
  readonly #onNews: () => void
  #message: WatchMessage | undefined
  #failure: { readonly error: unknown } | undefined
  /** Since the last look, a second ago at most. */
  #hasCome = true
  /** Whether the member has still to say how far it is. */
  #isAsked = false
  #timer: NodeJS.Timeout | undefined
  #isProbing = false
  #answersInOrder = false

  private constructor(member: Transport, options: CallOptions, onNews: () => void) {
    this.member = member
    this.#options = options
    this.#stream = member.stream(METHODS.watch, options)
    this.#messages = this.#stream[Symbol.asyncIterator]()
    this.#onNews = onNews
  }

  /**
   * Begins with the changes of a revision, and settles when the member knows. Rejects with a {@link CallError}.
   * @param onNews called when {@link take} may have something
   */
  static async open(
    member: Transport,
    options: CallOptions,
    { range, from, fragment }: Begin,
    onNews: () => void,
  ): Promise<WatchStream> {
    const watch = new WatchStream(member, options, onNews)
    watch.#stream.send({
      create: { ...range, startRevision: from, progressNotify: true, fragment },
    })
    const late = setTimeout(
      () => watch.#fail(new CallError(DEADLINE_EXCEEDED, 'timed out', true, member.endpoint)),
      options.deadlineMs,
    )
    try {
      const { done, value } = await watch.#messages.next()
      if (watch.#failure !== undefined) throw watch.#failure.error
      if (done === true) throw watch.#ended()
      if (value.canceled) throw watch.#canceled(value)
    } catch (error) {
      watch.close()
      throw watch.#failure?.error ?? error
    } finally {
      clearTimeout(late)
    }
    void watch.#learn()
    watch.#timer = setInterval(() => watch.#ask(), ASK_MS)
    watch.#timer.unref()
    watch.#read()
    return watch
  }

  /** Whether all changes up to there came before what the member says, when asked, of how far it is. */
  get answersInOrder(): boolean {
    return this.#answersInOrder
  }

  /** What has come, if anything has. Throws a {@link CallError} when the member has failed. */
  take(): WatchMessage | undefined {
    const message = this.#message
    if (message === undefined) {
      if (this.#failure !== undefined) throw this.#failure.error
      return undefined
    }
    this.#message = undefined
    this.#read()
    // Reasons of a compaction are the reader's.
    if (message.canceled && message.compactRevision === 0) throw this.#canceled(message)
    return message
  }

  /** Lets the process end although the stream is open. */
  unref(): void {
    this.#stream.unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#stream.cancel()
  }

  #read(): void {
    void this.#messages.next().then(
      ({ done, value }) => {
        if (done === true) return this.#fail(this.#ended())
        this.#hasCome = true
        this.#message = value
        if (value.events.length === 0) this.#isAsked = false
        this.#onNews()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.close()
    this.#onNews()
  }

  /** Once a second: asks for a sign of life when none has come since. */
  #ask(): void {
    const isQuiet = !this.#hasCome && this.#message === undefined
    this.#hasCome = false
    if (this.#message !== undefined) return
    if (isQuiet) void this.#probe()
    if (this.#isAsked) return
    this.#isAsked = true
    this.#stream.send({ progress: {} })
  }

  /**
   * Some members do not say how far they are before something has changed (3.4.25 to 3.4.30, 3.5.8 to 3.5.12), so one that is
   * silent is asked for something else before it is left.
   */
  async #probe(): Promise<void> {
    if (this.#isProbing) return
    this.#isProbing = true
    try {
      await this.member.unary(METHODS.status, {}, this.#options)
    } catch (error) {
      if (!this.#hasCome && this.#message === undefined) this.#fail(error)
    }
    this.#isProbing = false
  }

  async #learn(): Promise<void> {
    try {
      const { version } = await this.member.unary(METHODS.status, {}, this.#options)
      this.#answersInOrder = answersInOrder(version)
    } catch {
      // It is not believed then; whether it is gone is found out elsewhere.
    }
  }

  #ended(): CallError {
    return new CallError(UNAVAILABLE, 'the member has ended the watch', true, this.member.endpoint)
  }

  /** The reason may be the text of a status: `rpc error: code = PermissionDenied desc = etcdserver: permission denied`. */
  #canceled({ cancelReason }: WatchMessage): CallError {
    const [, name = '', text] = /^rpc error: code = (\w+) desc = (.*)$/s.exec(cancelReason) ?? []
    return new CallError(STATUSES[name] ?? UNAVAILABLE, text ?? cancelReason, true, this.member.endpoint)
  }
}

/** Whether an etcd of this version answers in order: not before 3.4.25, nor 3.5 before 3.5.8. */
export function answersInOrder(version: string): boolean {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.map(Number) ?? []
  if (major === undefined || major < 3) return false
  if (major > 3 || minor! > 5) return true
  return (minor === 4 && patch! >= 25) || (minor === 5 && patch! >= 8)
}
