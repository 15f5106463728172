import { asBuffer } from '../../bytes.ts'
import { usageError } from '../../errors.ts'
import { HEADERS, PATHS, type Parameter } from '../../protocol/http-api.ts'
import type { RangeQuery } from '../../store/driver/driver.ts'
import type { Condition } from '../../store/driver/entry.ts'
import type { UsageQuery } from '../../store/driver/usage.ts'

/** Bytes to percent-encode: all but those of RFC 3986, section 2.3, and the dot , which may mean a folder. */
const ENCODED = /[^A-Za-z0-9_~-]/g

/** A `%XX` for each byte that needs one. */
function percentEncode(bytes: Uint8Array): string {
  const hex = (char: string): string => char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()
  return asBuffer(bytes)
    .toString('latin1')
    .replaceAll(ENCODED, (char) => `%${hex(char)}`)
}

/** Keys that a proxy which decodes paths would change: a slash splits them, dots lead upwards, `%` is decoded again. */
const UNSAFE = /[\0/%\\]|^\.{1,2}$/

/** Query parameters; texts are percent-encoded. */
type Parameters = Readonly<Partial<Record<Parameter, string | number | boolean | undefined>>>

/** Whether keys are shorter in base64 than percent-encoded. */
function isShorterInBase64(keys: readonly Uint8Array[]): boolean {
  return keys.reduce((sum, key) => sum + percentEncode(key).length - Math.ceil((key.length * 4) / 3), 0) > 20
}

function written(key: Uint8Array, base64: boolean): string {
  return base64 ? asBuffer(key).toString('base64url') : percentEncode(key)
}

/** A path with parameters, but for those that are `undefined`. */
export function withQuery(path: string, parameters: Parameters): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return given.length === 0 ? path : `${path}?${given.map(([name, value]) => `${name}=${value}`).join('&')}`
}

/** The path of a key. */
export function keyPath(key: Uint8Array, parameters: Parameters = {}): string {
  return pathWithKey(PATHS.keys, key, parameters)
}

/** The path of the versions of a key. */
export function versionsPath(key: Uint8Array, parameters: Parameters): string {
  return pathWithKey(PATHS.versions, key, parameters)
}

function pathWithKey(path: string, key: Uint8Array, parameters: Parameters): string {
  const base64 = UNSAFE.test(asBuffer(key).toString('latin1')) || isShorterInBase64([key])
  return withQuery(path + written(key, base64), { ...parameters, encoding: base64 ? 'base64' : undefined })
}

/** The parameters for the bounds of a range. */
export function boundsOf({ start, end }: Pick<RangeQuery, 'start' | 'end'>): Parameters {
  const base64 = isShorterInBase64([start, end].filter((bound) => bound !== undefined))
  return {
    start: start && written(start, base64),
    until: end && written(end, base64),
    encoding: base64 ? 'base64' : undefined,
  }
}

/** The parameters for a range. */
export function rangeOf(query: RangeQuery): Parameters {
  return {
    ...boundsOf(query),
    limit: query.limit === Infinity ? undefined : query.limit,
    reverse: query.reverse || undefined,
    keys: query.keysOnly || undefined,
  }
}

/** The path with the parameters for a range. */
export function rangePath(query: RangeQuery): string {
  return withQuery(PATHS.range, rangeOf(query))
}

/** The path with the parameters for a usage. */
export function usagePath({ prefix, delimiters, depth, keys, top }: UsageQuery): string {
  const delimiter = delimiters.length === 1 ? delimiters[0] : undefined
  const base64 = isShorterInBase64(delimiter === undefined ? [prefix] : [prefix, delimiter])
  return withQuery(PATHS.usage, {
    prefix: prefix.length === 0 ? undefined : written(prefix, base64),
    delimiter: delimiter && written(delimiter, base64),
    encoding: base64 ? 'base64' : undefined,
    depth,
    keys,
    top,
  })
}

/** The address of a server. Throws `KV_USAGE` for what is none, and for one with a password in it. */
export function serverUrl(location: string): URL {
  const url = URL.canParse(location) ? new URL(location) : undefined
  // The page of a server is no part of its address.
  if (!url?.hostname || url.search + url.hash !== '' || /\/docs\/?$/.test(url.pathname)) {
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
  prefix?: Uint8Array
} {
  switch (condition?.type) {
    case undefined:
      return { headers: {} }
    case 'absent':
      return { headers: { 'if-none-match': '*' } }
    case 'revision':
      return { headers: { [HEADERS.ifRevision]: String(condition.revision) } }
    case 'value':
      return { headers: { [HEADERS.ifValueLength]: String(condition.value.length) }, prefix: condition.value }
  }
}
