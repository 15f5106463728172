/**
 * What `kv serve` and the driver for `http://` locations agree on: paths, headers, media types and
 * the shapes of bodies. The public form of entries is JSON Lines; {@link FRAMES} and
 * {@link LINES} are the forms between two kv programs, see ./frames.ts.
 */

/** Paths of the API below `/v1`. */
export const PATHS = {
  /** Followed by a percent-encoded key. */
  keys: '/v1/keys/',
  range: '/v1/range',
  count: '/v1/count',
  batch: '/v1/batch',
  load: '/v1/load',
  get: '/v1/get',
  info: '/v1/info',
  stat: '/v1/stat',
  check: '/v1/check',
  watch: '/v1/watch',
} as const

/** Names of headers, in lower case as Node gives them. */
export const HEADERS = {
  /** When an entry expires, in milliseconds since 1970; absent when it does not. */
  expires: 'kv-expires',
  /** The revision that the entry must have now; 0: the key must not be there. */
  ifRevision: 'kv-if-revision',
  /** The revision of what a put has written, or, when refused, of what is there. */
  revision: 'kv-revision',
  /** The body begins with so many bytes that must be the value now; what follows is the new value. */
  ifValueLength: 'kv-if-value-length',
  /** The code of kv of a refusal, also in its body; an answer to HEAD has no other place for it. */
  code: 'kv-code',
  /** Of a request: after how many milliseconds of silence the client gives up, so that it is shown life before. */
  timeout: 'kv-timeout',
  /** `1` on every answer of a kv server. */
  server: 'kv-server',
} as const

/** Entries in binary frames. */
export const FRAMES = 'application/vnd.kv.frames'

/** JSON Lines, the form of entries for everybody else. */
export const NDJSON = 'application/x-ndjson'

/** JSON Lines whose end is marked by an empty line, between two kv programs: no cut can be taken for the end. */
export const LINES = 'application/vnd.kv.lines'

/**
 * An answer that takes its time: line feeds that show life, then a {@link LateAnswer} in JSON. Only for clients that
 * sent {@link HEADERS.timeout}.
 */
export const LATE = 'application/vnd.kv.late'

/** The real answer within a late one. */
export interface LateAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Server-sent events, the form of changes. */
export const EVENTS = 'text/event-stream'

/** Query parameters of a range. Keys are percent-encoded bytes, or base64 with `encoding=base64`. */
export interface RangeParameters {
  /** First key, included. */
  start?: string
  /** Last key, included. */
  end?: string
  /** End of the range, excluded. */
  until?: string
  prefix?: string
  /** Excluded; with `reverse`, the keys below it. */
  after?: string
  limit?: string
  reverse?: string
  /** Keys only. */
  keys?: string
  encoding?: string
}

/** What a server says of itself: `GET /v1/info`. */
export interface ServerInfo {
  readonly server: 'kv'
  readonly driver: string
  readonly read_only: boolean
  readonly snapshot_range: boolean
  readonly persistent: boolean
  /** Absent from servers older than watching. */
  readonly watch?: boolean
  readonly max_key_bytes: number
  readonly max_value_bytes: number
  readonly max_batch_bytes: number
  readonly max_batch_ops: number
}

/** The body of every refusal. `code` is a code of kv; the five plain endpoints give `detail` alone. */
export interface ErrorBody {
  readonly detail: unknown
  readonly code?: string
  readonly hint?: string
}

/**
 * The `ETag` of an entry. A revision alone may come again in a store that was put back from a copy, so the checksum of
 * what it stands for (src/blocks/checksum.ts) is part of it.
 */
export function etag(revision: number, checksum: number): string {
  return `"${revision}-${checksum.toString(16).padStart(8, '0')}"`
}

/** The revision in an `ETag`, or `undefined` when it is none of ours. */
export function revisionOf(tag: string): number | undefined {
  const digits = /^"(\d{1,16})-[0-9a-f]{8}"$/.exec(tag.trim())?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The tags of `If-Match`; `'*'` for whatever is there. */
export type TagList = '*' | ReadonlySet<string>

/** An ETag, and what may stand before it in a list (RFC 9110, section 8.8.3). */
const TAG = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y

/** The tags of a list, weak ones with their `W/`; `undefined` when it is none. */
export function tagsOf(list: string): TagList | undefined {
  if (list.trim() === '*') return '*'
  const tags = new Set<string>()
  const end = list.replace(/[ \t,]+$/, '').length
  TAG.lastIndex = 0
  while (TAG.lastIndex < end) {
    const tag = TAG.exec(list)?.[1]
    if (tag === undefined) return undefined
    tags.add(tag)
  }
  return tags.size === 0 ? undefined : tags
}

/** A revision as it stands in a header; `undefined` when it is none. */
export function revisionFrom(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
