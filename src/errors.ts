/**
 * Every way kv can fail, by a code that never changes. `exit` is the process's exit code
 * (`kv help exit-codes`), `http` the status `kv serve` answers with.
 */
export const CODES = {
  /** The key is not in the store, or has expired. */
  KV_NOT_FOUND: { exit: 1, http: 404 },
  /** The condition of a conditional write did not hold; nothing was written. */
  KV_CONDITION: { exit: 1, http: 412 },
  /** The user answered no; nothing was done. */
  KV_DECLINED: { exit: 1, http: 400 },
  /** There is nothing to undo, or it cannot be undone; nothing was put back. */
  KV_NOT_UNDONE: { exit: 1, http: 409 },
  /** The call itself is wrong: unknown option, missing argument, START after END. */
  KV_USAGE: { exit: 2, http: 400 },
  /** The key is empty or cannot be decoded. */
  KV_INVALID_KEY: { exit: 2, http: 400 },
  /** A key, value or batch is over the driver's declared limit. */
  KV_TOO_LARGE: { exit: 2, http: 413 },
  /** This driver cannot do what was asked. */
  KV_NOT_SUPPORTED: { exit: 2, http: 501 },
  /** What is stored was read as text or as JSON and is not UTF-8, or not JSON. */
  KV_NOT_TEXT: { exit: 2, http: 406 },
  /** What is stored was to be added to and is no integer of 64 bits, or the sum would be none. */
  KV_NOT_INTEGER: { exit: 2, http: 409 },
  /** A record of the input was refused. */
  KV_INVALID_INPUT: { exit: 3, http: 422 },
  /** Another process held the write lock longer than the lock timeout. */
  KV_LOCKED: { exit: 4, http: 503 },
  /** The store cannot be opened or reached. */
  KV_UNAVAILABLE: { exit: 4, http: 503 },
  /** The store does not let this user in: the token is missing or wrong, or the file may not be read. */
  KV_DENIED: { exit: 4, http: 403 },
  /** The store, its folder or its medium cannot be written. */
  KV_READ_ONLY: { exit: 4, http: 403 },
  /** The file is not a kv store; it is never written to. */
  KV_FOREIGN: { exit: 4, http: 500 },
  /** The file was written by a newer kv in a format this one does not know. */
  KV_NEWER_FORMAT: { exit: 4, http: 500 },
  /** The file is damaged. */
  KV_CORRUPT: { exit: 4, http: 500 },
  /** No space left where the store lives. */
  KV_DISK_FULL: { exit: 4, http: 507 },
  /** Reading or writing the store failed for another reason. */
  KV_IO: { exit: 4, http: 500 },
  /** The output could not be written. */
  KV_OUTPUT: { exit: 4, http: 500 },
  /** Changes that a watch has not seen are no longer kept. */
  KV_WATCH_GAP: { exit: 4, http: 410 },
  /** What a key was at a moment of the past is not kept, or no longer. */
  KV_HISTORY_GAP: { exit: 4, http: 410 },
  /** The moment of the store that a range shows is no longer kept: the rest of it cannot be read. */
  KV_SNAPSHOT_LOST: { exit: 4, http: 410 },
  /** A write may or may not have been applied; its answer was lost. */
  KV_UNKNOWN_OUTCOME: { exit: 4, http: 504 },
  /** The store was used after `close()`. */
  KV_CLOSED: { exit: 70, http: 500 },
  /** A bug in kv. */
  KV_INTERNAL: { exit: 70, http: 500 },
  /** Interrupted by the user (SIGINT). */
  KV_INTERRUPTED: { exit: 130, http: 503 },
} as const satisfies Record<string, { exit: number; http: number }>

/** A stable error code, a key of {@link CODES}. */
export type Code = keyof typeof CODES

/** What a program may want to know of an error besides its code, as JSON can hold it. */
export interface KvErrorDetails {
  /** Of `KV_CONDITION` in a batch: the place, from 0, of the first of its conditions that did not hold. */
  readonly condition?: number | undefined
}

/** Everything about an error besides its code and message. */
export interface KvErrorOptions {
  /** What the user can do about it, one line, shown after `hint: `. */
  hint?: string | undefined
  /** The error that caused this one. */
  cause?: unknown
  /** What a program may want to know of it. */
  details?: KvErrorDetails | undefined
  /**
   * What those are told who reach the store through a server: nothing about the paths and processes of this machine.
   */
  elsewhere?: { readonly message: string; readonly hint?: string | undefined } | undefined
}

/** The one error class of kv: a stable code, a message for people, perhaps a hint. */
export class KvError extends Error {
  declare readonly name: 'KvError'
  /** Stable; scripts and callers may branch on it. Messages may change in any release. */
  readonly code: Code
  /** What the user can do about it, if anything. */
  declare readonly hint: string | undefined
  /** What a program may want to know of it, if anything. */
  declare readonly details: KvErrorDetails | undefined
  readonly #elsewhere: { readonly message: string; readonly hint?: string | undefined } | undefined

  constructor(code: Code, message: string, options: KvErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    if (options.hint !== undefined) this.hint = options.hint
    if (options.details !== undefined) this.details = options.details
    this.#elsewhere = options.elsewhere
  }

  /** The message and hint for those who reach the store through a server. */
  get elsewhere(): { readonly message: string; readonly hint?: string | undefined } {
    return this.#elsewhere ?? { message: this.message, hint: this.hint }
  }

  /** The exit code of the process that ends with this error. */
  get exitCode(): number {
    return CODES[this.code].exit
  }

  /** What `JSON.stringify` writes of it: an error alone would lose its message. */
  toJSON(): {
    name: string
    code: Code
    message: string
    hint?: string | undefined
    details?: KvErrorDetails | undefined
  } {
    return { name: this.name, code: this.code, message: this.message, hint: this.hint, details: this.details }
  }
}

Object.defineProperty(KvError.prototype, 'name', { value: 'KvError' })

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EISDIR: 'it is a folder',
  ENOTDIR: 'what stands before a / is no folder',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its symbolic links go round in a circle',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'no space left',
}

/** Why a file could not be read or written, in the user's words. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}

/** For an operation that was aborted; the signal's reason is the cause. */
export function interrupted(signal: AbortSignal | undefined, message = 'interrupted'): KvError {
  return new KvError('KV_INTERRUPTED', message, { cause: signal?.reason })
}

/** For what is asked of a store after, or while, it is closed. */
export function closedError(cause?: unknown): KvError {
  return new KvError('KV_CLOSED', 'the store is closed', { cause })
}

/** A wrong call (exit 2). */
export function usageError(message: string, hint?: string): KvError {
  return new KvError('KV_USAGE', message, { hint })
}

/** The error of a file that a user named and that cannot be read (exit 2), or not to its end (`KV_INVALID_INPUT`). */
export function unreadable(name: string, cause: unknown, code: Code = 'KV_USAGE'): KvError {
  const message = name === '' ? 'the name of a file is empty' : `cannot read ${name}: ${reasonOf(cause)}`
  return new KvError(code, message, { cause })
}

/** The error of a file that a user named and that cannot be written. */
export function unwritable(name: string, cause: unknown, code: Code = 'KV_USAGE'): KvError {
  return new KvError(code, `cannot write ${name}: ${reasonOf(cause)}`, { cause })
}

/** The one of these that the user named. Throws `KV_USAGE` with this message, and a hint that lists them. */
export function oneOf<T extends string>(choices: readonly T[], name: string, message: string): T {
  const choice = choices.find((known) => known === name)
  if (choice === undefined) throw usageError(message, `one of ${choices.join(' ')}`)
  return choice
}
