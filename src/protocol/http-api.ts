/**
 * What `kv serve` and the driver for `http://` locations agree on: paths, parameters, headers, limits, media types and
 * the shapes of bodies. The public form of entries is JSON Lines; {@link FRAMES} and {@link LINES} are the forms
 * between two kv programs, see ./frames.ts.
 */

/** Paths of the API. */
export const PATHS = {
  /** Followed by a percent-encoded key. */
  keys: '/v1/keys/',
  range: '/v1/range',
  count: '/v1/count',
  usage: '/v1/usage',
  batch: '/v1/batch',
  load: '/v1/load',
  get: '/v1/get',
  history: '/v1/history',
  /** Followed by a percent-encoded key. */
  versions: '/v1/history/',
  info: '/v1/info',
  stat: '/v1/stat',
  check: '/v1/check',
  watch: '/v1/watch',
  health: '/health',
  ready: '/ready',
  metrics: '/metrics',
  docs: '/docs',
  openapi: '/openapi.json',
} as const

/** The five endpoints for text. */
export const TEXT_PATHS = {
  /** Followed by a percent-encoded key. */
  read: '/read/',
  /** Followed by a percent-encoded key. */
  delete: '/delete/',
  readKeyRange: '/read_key_range/',
  put: '/put/',
  batchPut: '/batch_put/',
} as const

/** Query parameters that bound a range, with keys in `encoding`. `start` and `end` are included, `until` is not. */
export const BOUNDS = ['start', 'end', 'until', 'prefix', 'encoding'] as const

/** Query parameters that choose the entries of a range; `after` is excluded, and with `reverse` above the range. */
export const RANGE_PARAMETERS = [...BOUNDS, 'after', 'limit', 'reverse'] as const

/** Every query parameter below `/v1`. */
export const PARAMETERS = [
  ...RANGE_PARAMETERS,
  'key',
  'keys',
  'ttl',
  'expires',
  'all',
  'atomic',
  'if_absent',
  'delimiter',
  'depth',
  'top',
  'at',
  'keep',
] as const

/** The name of a query parameter. */
export type Parameter = (typeof PARAMETERS)[number]

/** Operations of one request at most: they are parsed and stored in one go, while every other request waits. */
export const MAX_OPS = 100_000

/** Keys that one request reads at most. */
export const MAX_KEYS = 10_000

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
  /** The code of an error, also in its body; an answer to HEAD has no other place for it. */
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

/** A late answer: line feeds, then a {@link LateAnswer} in JSON. For clients that sent {@link HEADERS.timeout}. */
export const LATE = 'application/vnd.kv.late'

/** The real answer within a late one. */
export interface LateAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Server-sent events, the form of changes. */
export const EVENTS = 'text/event-stream'

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
  /** These are absent from servers whose engine has no such limit. */
  readonly max_entry_bytes?: number | undefined
  readonly op_overhead_bytes?: number | undefined
  readonly expiry_step_ms?: number | undefined
  /** Whether a load may be stored in parts, and so may say `atomic=false`. */
  readonly load_in_parts?: boolean | undefined
  /** Whether a load may have deletes in it; absent from servers older than that. */
  readonly load_deletes?: boolean | undefined
  /** Whether a load may say `if_absent=true`; absent from servers older than that. */
  readonly load_if_absent?: boolean | undefined
  /** Whether a batch may have conditions; absent from servers older than that. */
  readonly batch_conditions?: boolean | undefined
  /** Whether it tells the usage by folders; absent from servers older than that. */
  readonly usage?: boolean | undefined
  /** Whether it keeps old values, once told to, and tells them; absent from servers older than that. */
  readonly history?: boolean | undefined
}
