import { isAbsolute, join } from 'node:path'
import { usageError } from '../errors.ts'
import { quoteWord } from '../shell-quote.ts'
import { type Env, variable } from './environment.ts'

/** The store of a user who names none. Throws `KV_USAGE` where the environment has no place for it. */
export function defaultStore(env: Env): string {
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

/**
 * Expands a leading `~/`, as a shell does not behind `--store=`, in a unit file or a Dockerfile. Throws `KV_USAGE` for
 * what only a shell expands: `~NAME/`, `$NAME/`, `${NAME}/`.
 */
export function expandHome(location: string, env: Env): string {
  if (/^(~[^/]|\$\w|\$\{\w+\})[^/]*\//.test(location)) {
    throw usageError(
      `no shell has expanded the store ${location}`,
      `write the whole path; a folder of that name is ${quoteWord(`./${location}`)}`,
    )
  }
  if (location !== '~' && !location.startsWith('~/')) return location
  const home = variable(env, 'HOME')
  if (home === undefined) throw usageError(`no HOME for the store ${location}`, 'write the whole path')
  return join(home, location.slice(1))
}
