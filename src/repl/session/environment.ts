import { resolve } from 'node:path'
import { parseLocation } from '../../drivers/location.ts'
import type { GlobalOptions } from '../../cli/options.ts'

/** The session's own flags, as the variables from which its lines take them. */
export function environmentOf(globals: GlobalOptions): Record<string, string> {
  const { store, storeIsDefault, format, json, quiet, color, input, lockTimeoutMs, timeoutMs, debug } = globals
  const flag = (on: boolean): string => (on ? '1' : '')
  return {
    ...(storeIsDefault ? {} : { KV_STORE: store }),
    KV_FORMAT: json ? '' : (format ?? ''),
    KV_JSON: flag(json),
    KV_QUIET: flag(quiet),
    KV_NO_COLOR: flag(!color),
    KV_NO_INPUT: flag(!input),
    KV_LOCK_TIMEOUT: `${lockTimeoutMs}ms`,
    KV_TIMEOUT: `${timeoutMs}ms`,
    KV_DEBUG: flag(debug),
  }
}

/**
 * What programs of the user's shell get: a kv among them finds the session's store and options, also from another
 * folder.
 */
export function programEnvironment(
  { store, storeIsDefault }: GlobalOptions,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  if (storeIsDefault) return { ...env }
  const { path } = parseLocation(store)
  return { ...env, KV_STORE: path === undefined ? store : resolve(path) }
}
