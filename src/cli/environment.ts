import { usageError } from '../errors.ts'
import { variableIsText } from './line/raw-text.ts'

/** The environment of a process. */
export type Env = Readonly<Record<string, string | undefined>>

/** The variables that tell where the store is. */
const LOCATIONS = ['KV_STORE', 'XDG_DATA_HOME', 'HOME']

/** A variable that is not empty. Throws `KV_USAGE` for one whose bytes are not UTF-8. */
export function variable(env: Env, name: string): string | undefined {
  const value = env[name] || undefined
  if (value !== undefined && !variableIsText(name, value)) {
    throw usageError(
      `${name} is not valid UTF-8`,
      LOCATIONS.includes(name) ? 'name the store with --store, by a path of UTF-8 text' : undefined,
    )
  }
  return value
}

/** Whether a variable is a switch that is on: anything but nothing, `0`, `false` and `no`. */
export function isOn(env: Env, name: string): boolean {
  return !['', '0', 'false', 'no'].includes(env[name]?.toLowerCase() ?? '')
}

/**
 * Whether to colour a stream (https://no-color.org, https://bixense.com/clicolors): never with
 * `--no-color`, `NO_COLOR`, and where {@link isDumb} holds; always with `FORCE_COLOR`; else on a terminal.
 */
export function useColor(isTTY: boolean, globals: { readonly color: boolean }, env: Env): boolean {
  if (!globals.color || env['NO_COLOR']) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTTY && !isDumb(env)
}

/** Terminals that can show lines and nothing else. */
const DUMB = ['dumb', 'emacs', 'cons25']

/**
 * Whether a terminal is one of these, as git and less tell it: by `TERM`, also where that is, but on Windows, not set.
 */
export function isDumb(env: Env): boolean {
  return DUMB.includes(env['TERM'] ?? '') || (!env['TERM'] && process.platform !== 'win32')
}
