import type { IncomingMessage } from 'node:http'
import { type Encoding, asBuffer, decode, decodeUtf8 } from '../../bytes.ts'
import { KvError, usageError } from '../../errors.ts'
import { type Parameter, PATHS, TEXT_PATHS } from '../../protocol/http-api.ts'

/** The target of a request in its bytes: the router decodes paths as text, which would change `%FF`, `%2F` or `%00`. */
export interface Target {
  /** The path without the query, as the client sent it. */
  readonly path: string
  /** The percent-encoded key, where the path holds one. */
  readonly key: string | undefined
  /** After the question mark; empty when there is none. */
  readonly query: string
  /** The host, where the client sent the whole address as to a proxy; what stands before an `@` belongs to it. */
  readonly authority: string | undefined
}

const TARGET = Symbol('target')

/** Paths that end in a key. */
const KEY_PREFIXES: readonly KeyPrefix[] = [TEXT_PATHS.read, TEXT_PATHS.delete, PATHS.keys, PATHS.versions].map(
  (path) => ({ path, written: path.length }),
)

/** What stands in the router's paths for a key. */
const PLACEHOLDER = '-'

/** Notes the target of a request and returns the path to route by. */
export function routePath(request: IncomingMessage): string {
  const asked = request.url ?? '/'
  let url = asked
  let authority: string | undefined
  if (!asked.startsWith('/')) {
    const [start = '', host] = /^https?:\/\/([^/?#]*)(?=[/?#]|$)/i.exec(asked) ?? []
    authority = host
    url = asked === '*' ? '/' : asked.slice(start.length)
    if (!url.startsWith('/')) url = `/${url}`
  }
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const prefix = keyPrefixOf(path)
  const key = prefix === undefined ? undefined : keyIn(path, prefix.written)
  ;(request as { [TARGET]?: Target })[TARGET] = { path, key, query, authority }
  return key === undefined ? path : prefix!.path + PLACEHOLDER
}

/** What stands before a key in a path. */
interface KeyPrefix {
  readonly path: string
  /** Its length in the path as the client sent it, where any character of it may be percent-encoded. */
  readonly written: number
}

function keyPrefixOf(path: string): KeyPrefix | undefined {
  for (const prefix of KEY_PREFIXES) if (path.startsWith(prefix.path)) return prefix
  if (!path.includes('%')) return undefined
  for (const { path: prefix } of KEY_PREFIXES) {
    let end = 0
    for (let slashes = prefix.split('/').length - 2; slashes > 0 && end >= 0; slashes--)
      end = path.indexOf('/', end + 1)
    const decoded = end < 0 ? undefined : percentDecode(path.slice(0, end + 1))
    if (decoded !== undefined && asBuffer(decoded).toString('latin1') === prefix)
      return { path: prefix, written: end + 1 }
  }
  return undefined
}

/** The key that stands in a path from some place on: one segment, with or without a slash after it. */
function keyIn(path: string, from: number): string | undefined {
  const slash = path.indexOf('/', from)
  if (slash >= 0 && slash !== path.length - 1) return undefined
  const key = slash < 0 ? path.slice(from) : path.slice(from, slash)
  return key === '' ? undefined : key
}

/** The target noted by {@link routePath}. */
export function targetOf(request: IncomingMessage): Target {
  return (request as { [TARGET]?: Target })[TARGET]!
}

/** The bytes of percent-encoded text (RFC 3986, section 2.1), maybe with `+` for a space; `undefined` if wrong. */
export function percentDecode(text: string, plusIsSpace = false): Uint8Array | undefined {
  // Node hands the bytes of the request line over as Latin-1.
  const bytes = Buffer.from(text, 'latin1')
  const first = text.indexOf('%')
  if (first < 0 && !plusIsSpace) return bytes
  let to = plusIsSpace ? 0 : first
  for (let from = to; from < bytes.length; from++) {
    const byte = bytes[from]!
    if (byte === 0x25) {
      const digits = bytes.toString('latin1', from + 1, from + 3)
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined
      bytes[to++] = Number.parseInt(digits, 16)
      from += 2
    } else {
      bytes[to++] = plusIsSpace && byte === 0x2b ? 0x20 : byte
    }
  }
  return bytes.subarray(0, to)
}

/** Name and value of each parameter of a query; `undefined` for one that is not percent-encoded. */
export function parametersOf(query: string): [name: Uint8Array | undefined, value: Uint8Array | undefined][] {
  if (query === '') return []
  const parts = query.split('&').filter((part) => part !== '')
  return parts.map((part) => {
    const equals = part.indexOf('=')
    const ends = equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
    return [percentDecode(ends[0]!, true), percentDecode(ends[1]!, true)]
  })
}

/** The parameters of a query, each as bytes. Throws `KV_USAGE`, also for one given twice. */
export class Query {
  readonly #values = new Map<string, Uint8Array>()

  constructor(query: string) {
    for (const [name, value] of parametersOf(query)) {
      if (name === undefined || value === undefined)
        throw usageError('the query is not percent-encoded: a % needs two hex digits after it')
      const text = asBuffer(name).toString()
      if (this.#values.has(text)) throw usageError(`${text} is given twice`)
      this.#values.set(text, value)
    }
  }

  /** The text of a parameter. Throws `KV_USAGE` when it is not UTF-8. */
  text(name: Parameter): string | undefined {
    const bytes = this.#values.get(name)
    const text = bytes && decodeUtf8(bytes)
    if (bytes !== undefined && text === undefined) throw usageError(`${name} is not valid UTF-8`)
    return text
  }

  /** A switch: given without a value, or as `true`, `1`, `false`, `0`. Throws `KV_USAGE`. */
  flag(name: Parameter): boolean {
    const text = this.text(name)
    if (text === undefined || text === 'false' || text === '0') return false
    if (text === '' || text === 'true' || text === '1') return true
    throw usageError(`${name} must be true or false`)
  }

  /** A whole number of 0 or more. Throws `KV_USAGE`. */
  count(name: Parameter): number | undefined {
    return this.integer(name, /^\d{1,16}$/, 'a whole number of 0 or more')
  }

  /** A whole number. Throws `KV_USAGE`. */
  integer(name: Parameter, form = /^-?\d{1,16}$/, what = 'a whole number'): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    if (!form.test(text) || !Number.isSafeInteger(Number(text))) throw usageError(`${name} must be ${what}`)
    return Number(text)
  }

  /** Refuses parameters that mean nothing here, so that a misspelt one does not go unseen. Throws `KV_USAGE`. */
  only(names: readonly Parameter[]): void {
    for (const name of this.#values.keys()) {
      if (!names.includes(name as Parameter))
        throw usageError(`unknown parameter: ${name}`, names.length === 0 ? undefined : `one of ${names.join(' ')}`)
    }
  }

  /** A key or bound, written as `encoding` says. Throws `KV_INVALID_KEY`. */
  key(name: Parameter, encoding: Encoding | undefined): Uint8Array | undefined {
    const bytes = this.#values.get(name)
    return bytes && decodeKey(bytes, encoding)
  }

  /** The parameter `encoding`: how keys are written; `undefined` for their own bytes. Throws `KV_USAGE`. */
  get encoding(): Encoding | undefined {
    const text = this.text('encoding')
    if (text === undefined || text === 'utf8') return undefined
    if (text === 'hex' || text === 'base64') return text
    throw usageError(`unknown encoding: ${text}`, 'one of utf8 hex base64')
  }
}

/** The bytes of a key as written in `encoding`. Throws `KV_INVALID_KEY`. */
export function decodeKey(written: Uint8Array, encoding: Encoding | undefined): Uint8Array {
  if (encoding === undefined) return written
  const key = decode(asBuffer(written).toString('latin1'), encoding)
  if (key === undefined) throw new KvError('KV_INVALID_KEY', `not a key in ${encoding}`)
  return key
}
