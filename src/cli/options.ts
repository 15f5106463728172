import { absoluteLocation } from '../drivers/location.ts'
import { DEFAULT_LOCK_TIMEOUT_MS } from '../drivers/options.ts'
import { parseDuration } from '../duration.ts'
import { KvError, oneOf, usageError } from '../errors.ts'
import { FORMAT_NAMES, type FormatName } from '../formats/index.ts'
import { defaultStore, expandHome } from './default-store.ts'
import { type Env, isOn, variable } from './environment.ts'

/** An option that stands before or after any command. */
export interface GlobalOption {
  /** As commander takes it; with `<...>` it takes a value, otherwise it is a switch. */
  readonly flags: string
  /** The variable that stands for it. */
  readonly variable: string
  /** Reads a value. Throws `KV_USAGE`. */
  readonly parse?: (text: string) => unknown
  /** One line for `kv --help`; `kv help environment` shows what stands before a colon. */
  readonly help: string
  /** What `kv --help` says after the variable. */
  readonly note?: string
  /** What `kv help environment` says after the flag. */
  readonly environmentNote?: string
}

/** The only list of global options, by the names under which commander keeps their flags, in the order of the help. */
export const GLOBAL_OPTIONS = {
  store: {
    flags: '--store <location>',
    variable: 'KV_STORE',
    help: 'the store: a file, http:// or etcd://',
    environmentNote: '; else $XDG_DATA_HOME/kv/default.kv',
  },
  json: { flags: '--json', variable: 'KV_JSON', help: 'print JSON' },
  format: {
    flags: '--format <format>',
    variable: 'KV_FORMAT',
    parse: parseFormat,
    // Lines are read only.
    help: `form of the output: ${FORMAT_NAMES.filter((name) => name !== 'lines').join(' ')}`,
  },
  quiet: { flags: '-q, --quiet', variable: 'KV_QUIET', help: 'no messages but errors' },
  color: {
    flags: '--no-color',
    variable: 'KV_NO_COLOR',
    help: 'no colour',
    note: ', NO_COLOR',
    environmentNote: '; so do NO_COLOR and TERM=dumb',
  },
  input: { flags: '--no-input', variable: 'KV_NO_INPUT', help: 'never ask' },
  lockTimeout: {
    flags: '--lock-timeout <time>',
    variable: 'KV_LOCK_TIMEOUT',
    parse: (text: string) => parseDuration(text, 'lock timeout', { zero: true }),
    help: 'how long a write waits for another process',
    note: '; 5s',
    environmentNote: ', 5s',
  },
  timeout: {
    flags: '--timeout <time>',
    variable: 'KV_TIMEOUT',
    parse: (text: string) => parseDuration(text, 'timeout'),
    help: 'how long a server may be silent',
    note: '; 30s, etcd 15s',
    environmentNote: ', 30s; how long etcd is tried, 15s',
  },
  maxEntries: {
    flags: '--max-entries <n>',
    variable: 'KV_MAX_ENTRIES',
    parse: parseMaxEntries,
    help: 'entries of a store that is made: beyond that the oldest written go',
  },
  debug: { flags: '--debug', variable: 'KV_DEBUG', help: 'show stacks of errors' },
} as const satisfies Record<string, GlobalOption>

type Name = keyof typeof GLOBAL_OPTIONS

/** The same as a list. */
export const GLOBAL_OPTION_LIST: readonly GlobalOption[] = Object.values(GLOBAL_OPTIONS)

/** The flags of the program as commander collects them; a flag not given is `undefined`. */
export type GlobalFlags = {
  [N in Name]?: (typeof GLOBAL_OPTIONS)[N]['flags'] extends `${string}<${string}` ? string : boolean
}

/** What holds for every command. */
export interface GlobalOptions {
  /** Where the store is. */
  readonly store: string
  /** Whether `store` is the default place, whose folder is made when needed. */
  readonly storeIsDefault: boolean
  /** `--format` as given on the command line; `undefined` when it was not. */
  readonly formatFlag: FormatName | undefined
  /** Whether `--json` was given on the command line. */
  readonly jsonFlag: boolean
  /** The form of output asked for by flag or environment, `json` standing for `--json`; `undefined`: by terminal. */
  readonly format: FormatName | undefined
  /** `--json`: the machine form, whatever the command prints. */
  readonly json: boolean
  readonly quiet: boolean
  readonly color: boolean
  /** False: never ask. */
  readonly input: boolean
  /** How long a write waits for another process, in milliseconds. */
  readonly lockTimeoutMs: number
  /** How long a server may be silent, in milliseconds; `undefined`: as long as its driver finds good. */
  readonly timeoutMs: number | undefined
  /** How many entries a store that is made has at most; `undefined`: any number. */
  readonly maxEntries: number | undefined
  /** Whether the command line says so: then one that is there must have been made with it. */
  readonly maxEntriesFlag: boolean
  readonly debug: boolean
  /** `KV_TOKEN`: what a server of kv wants to be sent. */
  readonly token: string | undefined
  /** `KV_TOKEN_FILE`: a file that holds it. */
  readonly tokenFile: string | undefined
  /** `KV_PASSWORD_FILE`: a file with the password of a user of etcd. */
  readonly passwordFile: string | undefined
}

/**
 * The options of a command line: flags over those of the session (`base`), or, where there is none, over `KV_...`
 * variables over defaults. Throws `KV_USAGE`.
 */
export function resolveGlobals(flags: GlobalFlags, env: Env, base?: GlobalOptions): GlobalOptions {
  const isSet = (name: Name): boolean => isOn(env, GLOBAL_OPTIONS[name].variable)
  const { store, format, lockTimeout, timeout, maxEntries } = GLOBAL_OPTIONS
  const named = flags.store ?? (base === undefined ? variable(env, store.variable) : undefined)
  const location = named === undefined ? undefined : expandHome(named, env)
  const json = flags.json ?? ((base?.json ?? isSet('json')) && flags.format === undefined)
  const formatFlag = flags.format === undefined ? undefined : parseFormat(flags.format)
  const timeOf = (option: typeof lockTimeout | typeof timeout, flag?: string, below?: number): number | undefined =>
    flag === undefined ? (below ?? parsed(env, option)) : option.parse(flag)
  return {
    // Only a command that opens a store needs a place for it.
    get store() {
      return location ?? base?.store ?? defaultStore(env)
    },
    storeIsDefault: location === undefined && (base?.storeIsDefault ?? true),
    formatFlag,
    jsonFlag: flags.json === true,
    format: formatFlag ?? (json ? undefined : base === undefined ? parsed(env, format) : base.format),
    json,
    quiet: flags.quiet ?? base?.quiet ?? isSet('quiet'),
    color: flags.color !== false && (base?.color ?? !isSet('color')),
    input: flags.input !== false && (base?.input ?? !isSet('input')),
    lockTimeoutMs: timeOf(lockTimeout, flags.lockTimeout, base?.lockTimeoutMs) ?? DEFAULT_LOCK_TIMEOUT_MS,
    timeoutMs: timeOf(timeout, flags.timeout, base?.timeoutMs),
    maxEntries:
      flags.maxEntries === undefined
        ? base === undefined
          ? parsed(env, maxEntries)
          : base.maxEntries
        : maxEntries.parse(flags.maxEntries),
    maxEntriesFlag: flags.maxEntries !== undefined,
    debug: flags.debug ?? base?.debug ?? isSet('debug'),
    token: variable(env, 'KV_TOKEN'),
    tokenFile: variable(env, 'KV_TOKEN_FILE'),
    passwordFile: variable(env, 'KV_PASSWORD_FILE'),
  }
}

/**
 * The variables that give another kv the same options, also in another folder; without `KV_STORE` where the store is
 * the default one.
 */
export function variablesOf(globals: GlobalOptions): Record<string, string> {
  const { store, storeIsDefault, format, json, quiet, color, input, lockTimeoutMs, timeoutMs, maxEntries, debug } =
    globals
  const values: Record<Name, string | boolean | undefined> = {
    store: storeIsDefault ? undefined : absoluteLocation(store),
    json,
    format: json ? '' : (format ?? ''),
    quiet,
    color: !color,
    input: !input,
    lockTimeout: `${lockTimeoutMs}ms`,
    timeout: timeoutMs === undefined ? '' : `${timeoutMs}ms`,
    maxEntries: maxEntries === undefined ? '' : String(maxEntries),
    debug,
  }
  const variables: Record<string, string> = {}
  for (const [name, { variable: key }] of Object.entries(GLOBAL_OPTIONS)) {
    const value = values[name as Name]
    if (value !== undefined) variables[key] = typeof value === 'string' ? value : value ? '1' : ''
  }
  return variables
}

function parseFormat(name: string): FormatName {
  return oneOf(FORMAT_NAMES, name, `unknown format: ${name}`)
}

/** The value of `--max-entries`. Throws `KV_USAGE`. */
function parseMaxEntries(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number === 0)
    throw usageError(`--max-entries wants a whole number of 1 or more, not ${text}`)
  return number
}

/** What the variable of an option says; the error of one that cannot be read names it. */
function parsed<T>(env: Env, option: { variable: string; parse: (text: string) => T }): T | undefined {
  const { variable: key, parse } = option
  const text = variable(env, key)
  try {
    return text === undefined ? undefined : parse(text)
  } catch (cause) {
    throw cause instanceof KvError
      ? new KvError(cause.code, `${key}: ${cause.message}`, { hint: cause.hint, cause })
      : cause
  }
}
