import { readFileSync } from 'node:fs'
import { parseLocation, userWithoutPassword } from '../drivers/location.ts'
import { type Credentials, TOKEN_FORM, isToken } from '../drivers/options.ts'
import { KvError, unreadable, usageError } from '../errors.ts'
import type { Io } from '../io.ts'
import type { KeyReader } from '../terminal/key-reader.ts'
import { isDumb } from './environment.ts'
import type { GlobalOptions } from './options.ts'

/** Passwords that the user has typed, for as long as the process runs: none is asked for twice. */
export class Passwords {
  readonly #known = new Map<string, string>()

  /** The password of a user at a location. */
  get(location: string): string | undefined {
    return this.#known.get(placeOf(location))
  }

  set(location: string, password: string): void {
    this.#known.set(placeOf(location), password)
  }

  /** The next who needs it asks for it. */
  forget(location: string): void {
    this.#known.delete(placeOf(location))
  }
}

/** User and hosts: the same for all stores there. */
function placeOf(location: string): string {
  return location.split(/[?#]|(?<![:/])\//)[0]!
}

/** The command that needs a password. */
interface Asking {
  readonly io: Io
  readonly passwords: Passwords
  atKeyboard<T>(step: (keys: KeyReader) => Promise<T>): Promise<T>
}

/**
 * What a store elsewhere wants to know of the user: of a kv server its token, else what {@link passwordFor} gives. Throws
 * `KV_USAGE`, and `KV_INTERRUPTED`.
 */
export async function credentialsFor(ctx: Asking, globals: GlobalOptions): Promise<Credentials> {
  return parseLocation(globals.store).scheme.startsWith('http')
    ? { token: readToken(globals) }
    : passwordFor(ctx, globals)
}

/**
 * The password of the user that the location names: in the file of `KV_PASSWORD_FILE`, typed before, or asked for now. Throws
 * `KV_USAGE` where it cannot be asked for, and `KV_INTERRUPTED`.
 */
export async function passwordFor(ctx: Asking, globals: GlobalOptions): Promise<Credentials> {
  const { store, passwordFile } = globals
  const user = userWithoutPassword(store)
  if (user === undefined) return {}
  if (passwordFile !== undefined) return { passwordFile }
  let password = ctx.passwords.get(store)
  if (password === undefined) ctx.passwords.set(store, (password = await ask(ctx, globals, `Password of ${user}:`)))
  return { password }
}

async function ask(ctx: Asking, { input }: GlobalOptions, question: string): Promise<string> {
  const { stdin, stderr, stdout, env } = ctx.io
  if (!input || !stdin.isTTY || !(stderr.isTTY || stdout.isTTY))
    throw usageError(
      'the user of this store needs a password',
      'set KV_PASSWORD_FILE to a file that holds it, or name that in the location: ?password-file=FILE',
    )
  const { askHidden, askHiddenPlainly } = await import('../terminal/ask.ts')
  const answer = isDumb(env)
    ? await askHiddenPlainly(question)
    : await ctx.atKeyboard((keys) => askHidden(question, keys))
  if (answer === undefined || answer === '') throw new KvError('KV_DECLINED', 'no password was given')
  return answer
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
  if (bare !== undefined && !isToken(bare))
    throw usageError(path === undefined ? 'KV_TOKEN is not a token' : `${path} holds no token`, TOKEN_FORM)
  return bare
}
