import { readFileSync } from 'node:fs'
import { TOKEN_FORM, isToken } from '../drivers/options.ts'
import { unreadable, usageError } from '../errors.ts'
import type { GlobalOptions } from './options.ts'

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
