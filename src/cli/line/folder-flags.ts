import { Option } from 'commander'
import { decode, decodeUtf8 } from '../../bytes.ts'
import { KvError, usageError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import { type KeyFlags, parseBound } from './arguments.ts'

/** The flags of a command that tells folders apart. */
export interface FolderFlags {
  delimiter?: string
}

/** `--delimiter` of such a command. */
export function delimiterOption(): Option {
  return new Option('--delimiter <text>', 'what ends a folder (default: : or /, whichever comes first)')
}

/** The bytes of a prefix and a delimiter; none where it is not given. Throws `KV_USAGE`, `KV_INVALID_KEY`. */
export function parseFolders(
  prefix: string | undefined,
  { delimiter, keyEncoding }: FolderFlags & KeyFlags,
): { prefix: Uint8Array; delimiter: Uint8Array | undefined } {
  const bytes = delimiter === undefined ? undefined : decode(delimiter, keyEncoding)
  if (delimiter !== undefined && bytes === undefined)
    throw usageError(`the delimiter is not ${keyEncoding}: ${delimiter}`)
  return { prefix: parseBound(prefix ?? '', keyEncoding), delimiter: bytes }
}

/** The error of a prefix that no key begins with. */
export function nothingBelow(prefix: Uint8Array): KvError {
  const isPattern = decodeUtf8(prefix)?.endsWith('*') === true
  return new KvError('KV_NOT_FOUND', `no key begins with ${displayKey(prefix)}`, {
    hint: isPattern ? 'the prefix stands without a *' : undefined,
  })
}
