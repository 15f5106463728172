import { asBuffer } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import { HEADERS, PATHS } from '../../protocol/http-api.ts'
import type { RangeQuery } from '../../store/driver.ts'
import type { Condition } from '../../store/entry.ts'

/**
 * Bytes that stand for themselves in paths and queries (RFC 3986, section 2.3), but for the dot, which some programs
 * take for a folder.
 */
const PLAIN = /^[A-Za-z0-9_~-]*$/

/** A `%XX` for each byte that needs one. */
function percentEncode(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('latin1')
  if (PLAIN.test(text)) return text
  return text.replaceAll(
    /[^A-Za-z0-9_~-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  )
}

/**
 * Keys that a proxy would change: those that pass a part of a path on may decode it first, where a slash
 * parts it, dots lead upwards, and a percent sign would be decoded again.
 */
const UNSAFE = /[\0/%\\]|^\.{1,2}$/

/** Whether keys are shorter in base64 than percent-encoded. */
function isShorterInBase64(keys: readonly Uint8Array[]): boolean {
  return keys.reduce((sum, key) => sum + percentEncode(key).length - Math.ceil((key.length * 4) / 3), 0) > 20
}

function written(key: Uint8Array, base64: boolean): string {
  return base64 ? asBuffer(key).toString('base64url') : percentEncode(key)
}

/** The path of a key, with a query. */
export function keyTarget(key: Uint8Array, query = ''): string {
  const base64 = UNSAFE.test(asBuffer(key).toString('latin1')) || isShorterInBase64([key])
  const parameters = [query, base64 ? 'encoding=base64' : ''].filter((part) => part !== '').join('&')
  return `${PATHS.keys}${written(key, base64)}${parameters === '' ? '' : `?${parameters}`}`
}

/** A path with the bounds of a range, or its whole choice, and more parameters. */
export function rangeTarget(
  path: string,
  { start, end, limit = Infinity, reverse = false }: Pick<RangeQuery, 'start' | 'end'> & Partial<RangeQuery>,
  what: 'bounds' | 'choice',
  more = '',
): string {
  const bounds = [start, end].filter((bound) => bound !== undefined)
  const base64 = isShorterInBase64(bounds)
  const parameters = [
    start === undefined ? '' : `start=${written(start, base64)}`,
    end === undefined ? '' : `until=${written(end, base64)}`,
    base64 ? 'encoding=base64' : '',
    what === 'choice' && limit !== Infinity ? `limit=${limit}` : '',
    what === 'choice' && reverse ? 'reverse=true' : '',
    more,
  ].filter((part) => part !== '')
  return parameters.length === 0 ? path : `${path}?${parameters.join('&')}`
}

/** The address of a server. Throws `KV_USAGE` for what is none, and for one with a password in it. */
export function serverUrl(location: string): URL {
  const url = URL.canParse(location) ? new URL(location) : undefined
  // The page of a server is no part of its address.
  if (
    url === undefined ||
    url.hostname === '' ||
    /\/docs\/?$/.test(url.pathname) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw usageError(
      `not the address of a server: ${location}`,
      'write it as http://HOST:PORT, with the path that a proxy has it under',
    )
  }
  if (url.username !== '' || url.password !== '')
    throw usageError('an address with a password would show it to everybody', 'set KV_TOKEN, or KV_TOKEN_FILE')
  return url
}

/** The headers of a condition, and what must stand before the value. */
export function conditional(condition: Condition | undefined): {
  headers: Record<string, string>
  prefix: Uint8Array | undefined
} {
  switch (condition?.type) {
    case undefined:
      return { headers: {}, prefix: undefined }
    case 'absent':
      return { headers: { 'if-none-match': '*' }, prefix: undefined }
    case 'revision':
      return { headers: { [HEADERS.ifRevision]: String(condition.revision) }, prefix: undefined }
    case 'value':
      return {
        headers: { [HEADERS.ifValueLength]: String(condition.value.length) },
        prefix: new Uint8Array(condition.value),
      }
  }
}
