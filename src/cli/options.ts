import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { DEFAULT_LOCK_TIMEOUT_MS, DEFAULT_TIMEOUT_MS } from '../drivers/options.ts'
import { KvError, unreadable, usageError } from '../errors.ts'
import { parseDuration } from '../duration.ts'
import { variableIsText } from './line/raw-text.ts'
import { quoteWord } from '../shell-quote.ts'

/** The forms of output; Markdown is for figures, see {@link EntryFormat}. */
export const FORMATS = ['table', 'pretty', 'jsonl', 'json', 'csv', 'tsv', 'raw', 'markdown'] as const

/** A form of output, see {@link FORMATS}. */
export type Format = (typeof FORMATS)[number]

/** The forms entries can have. */
export type EntryFormat = Exclude<Format, 'markdown'>

/** What holds for every command. */
export interface GlobalOptions {
  /** Where the store is. */
  readonly store: string
  /** Whether `store` is the default place, whose folder is made when needed. */
  readonly storeIsDefault: boolean
  /** `--format` as given on the command line; `undefined` when it was not. */
  readonly formatFlag: Format | undefined
  /** The form of output asked for by flag or environment, `json` standing for `--json`; `undefined`: by terminal. */
  readonly format: Format | undefined
  /** `--json`: the machine form, whatever the command prints. */
  readonly json: boolean
  /** Only errors on stderr. */
  readonly quiet: boolean
  /** False: no colour anywhere. */
  readonly color: boolean
  /** False: never ask. */
  readonly input: boolean
  /** How long a write waits for another process, in milliseconds. */
  readonly lockTimeoutMs: number
  /** How long a server may be silent, in milliseconds. */
  readonly timeoutMs: number
  /** Show stacks. */
  readonly debug: boolean
  /** `KV_TOKEN`: what a server of kv wants to be sent. */
  readonly token: string | undefined
  /** `KV_TOKEN_FILE`: a file that holds it. */
  readonly tokenFile: string | undefined
}

/** The flags of the program as commander collects them; a flag not given is `undefined`. */
export interface GlobalFlags {
  store?: string
  json?: boolean
  format?: string
  quiet?: boolean
  color?: boolean
  input?: boolean
  lockTimeout?: string
  timeout?: string
  debug?: boolean
}

type Env = Readonly<Record<string, string | undefined>>

/** Flags over `KV_...` variables over defaults; the one place where either is read. Throws `KV_USAGE`. */
export function resolveGlobals(flags: GlobalFlags, env: Env): GlobalOptions {
  const text = (name: string): string | undefined => variable(env, name)
  const on = (name: string): boolean => isOn(env, name)
  const store = withHome(flags.store ?? text('KV_STORE'), env)
  const json = flags.json ?? (on('KV_JSON') && flags.format === undefined)
  const formatFlag = flags.format === undefined ? undefined : parseFormat(flags.format)
  return {
    // Only a command that opens a store needs a place for it.
    get store() {
      return store ?? defaultStore(env)
    },
    storeIsDefault: store === undefined,
    formatFlag,
    format: formatFlag ?? (json ? undefined : parsed(env, 'KV_FORMAT', parseFormat)),
    json,
    quiet: flags.quiet ?? on('KV_QUIET'),
    color: (flags.color ?? true) && !on('KV_NO_COLOR'),
    input: (flags.input ?? true) && !on('KV_NO_INPUT'),
    lockTimeoutMs:
      flagOr(flags.lockTimeout, env, 'KV_LOCK_TIMEOUT', (time) =>
        parseDuration(time, 'lock timeout', { zero: true }),
      ) ?? DEFAULT_LOCK_TIMEOUT_MS,
    timeoutMs: flagOr(flags.timeout, env, 'KV_TIMEOUT', (time) => parseDuration(time, 'timeout')) ?? DEFAULT_TIMEOUT_MS,
    debug: flags.debug ?? on('KV_DEBUG'),
    token: text('KV_TOKEN'),
    tokenFile: text('KV_TOKEN_FILE'),
  }
}

/** Whether a variable is a switch that is on: anything but nothing, `0`, `false` and `no`. */
export function isOn(env: Env, name: string): boolean {
  return !['', '0', 'false', 'no'].includes(env[name]?.toLowerCase() ?? '')
}

/**
 * Whether to colour a stream (https://no-color.org, https://bixense.com/clicolors): never with
 * `--no-color`, `NO_COLOR`, and where {@link isDumb} holds; always with `FORCE_COLOR`; else on a terminal.
 */
export function useColor(isTTY: boolean, globals: Pick<GlobalOptions, 'color'>, env: Env): boolean {
  if (!globals.color || env['NO_COLOR']) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTTY && !isDumb(env)
}

/** Terminals that can show lines and nothing else. */
const DUMB = ['dumb', 'emacs', 'cons25']

/**
 * Whether a terminal is one of these, as git and less tell it: by `TERM`, also where that is, but on Windows, not
 * set.
 */
export function isDumb(env: Env): boolean {
  return DUMB.includes(env['TERM'] ?? '') || (!env['TERM'] && process.platform !== 'win32')
}

/**
 * The token of a server: from `file`, else `KV_TOKEN`, else `KV_TOKEN_FILE`. Blanks around it do
 * not count. Throws `KV_USAGE` for a file that cannot be read, and for what cannot be a token.
 */
export function readToken(
  { token, tokenFile }: Pick<GlobalOptions, 'token' | 'tokenFile'>,
  file?: string,
): string | undefined {
  const path = file ?? (token === undefined ? tokenFile : undefined)
  let text = token
  if (path !== undefined) {
    try {
      text = readFileSync(path, 'utf8')
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }
  const bare = text?.trim()
  if (bare !== undefined && !/^[\x21-\x7e]+$/.test(bare)) {
    throw usageError(
      path === undefined ? 'KV_TOKEN is not a token' : `${path} holds no token`,
      'a token is one word of printable ASCII',
    )
  }
  return bare
}

/** The variables that tell where the store is. */
const PLACES = ['KV_STORE', 'XDG_DATA_HOME', 'HOME']

/** A variable that is not empty. Throws `KV_USAGE` for one whose bytes are not UTF-8. */
function variable(env: Env, name: string): string | undefined {
  const value = env[name] || undefined
  if (value !== undefined && !variableIsText(name, value)) {
    throw usageError(
      `${name} is not valid UTF-8`,
      PLACES.includes(name) ? 'name the store with --store, by a path of UTF-8 text' : undefined,
    )
  }
  return value
}

/**
 * A location whose leading `~/` no shell has expanded: behind `--store=`, in a unit file, in a Dockerfile.
 * A folder of that name is written `./~`. What else only a shell expands is refused: `~NAME/`, `$NAME/`, `${NAME}/`.
 */
function withHome(location: string | undefined, env: Env): string | undefined {
  if (location !== undefined && /^(~[^/]|\$\w|\$\{\w+\})[^/]*\//.test(location)) {
    throw usageError(
      `no shell has expanded the store ${location}`,
      `write the whole path; a folder of that name is ${quoteWord(`./${location}`)}`,
    )
  }
  if (location !== '~' && !location?.startsWith('~/')) return location
  const home = variable(env, 'HOME')
  if (home === undefined) throw usageError(`no HOME for the store ${location}`, 'write the whole path')
  return join(home, location!.slice(1))
}

function defaultStore(env: Env): string {
  const given = variable(env, 'XDG_DATA_HOME')
  // A relative one counts as not set: https://specifications.freedesktop.org/basedir-spec.
  const xdg = given !== undefined && isAbsolute(given) ? given : undefined
  const home = xdg === undefined ? variable(env, 'HOME') : undefined
  const data = xdg ?? (home && join(home, '.local', 'share'))
  if (data === undefined)
    throw usageError(
      'no place for the store: neither HOME nor XDG_DATA_HOME is set',
      'name one with --store FILE or KV_STORE',
    )
  return join(data, 'kv', 'default.kv')
}

function parseFormat(name: string): Format {
  const format = FORMATS.find((known) => known === name)
  if (format === undefined) throw usageError(`unknown format: ${name}`, `one of ${FORMATS.join(' ')}`)
  return format
}

/** What a flag says, else what a variable does. */
function flagOr<T>(flag: string | undefined, env: Env, name: string, parse: (text: string) => T): T | undefined {
  return flag === undefined ? parsed(env, name, parse) : parse(flag)
}

/** What a variable says; the error of one that cannot be read names it. */
function parsed<T>(env: Env, name: string, parse: (text: string) => T): T | undefined {
  const text = variable(env, name)
  try {
    return text === undefined ? undefined : parse(text)
  } catch (cause) {
    throw cause instanceof KvError
      ? new KvError(cause.code, `${name}: ${cause.message}`, { hint: cause.hint, cause })
      : cause
  }
}
