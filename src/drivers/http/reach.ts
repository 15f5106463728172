import { LONGEST_TIMER_MS } from '../../async.ts'
import { KvError } from '../../errors.ts'
import { PATHS, type ServerInfo } from '../../protocol/http-api.ts'
import type { Limits, Supports } from '../../store/driver/driver.ts'
import { speaksTls } from '../kit/tls-probe.ts'
import { DEFAULT_TIMEOUT_MS, type OpenOptions } from '../options.ts'
import { HttpClient } from './client.ts'
import { serverUrl } from './target.ts'

/** What a server must say of itself: values of the types that are expected. */
const INFO = {
  snapshot_range: true,
  persistent: true,
  max_key_bytes: 0,
  max_value_bytes: 0,
  max_batch_bytes: 0,
  max_batch_ops: 0,
}

/** A client for the server at a location, and what that says of itself. Throws what the driver's `open` does. */
export async function reach(
  location: string,
  { credentials, timeoutMs: wanted = DEFAULT_TIMEOUT_MS, durable = true, signal }: OpenOptions,
): Promise<{ client: HttpClient; info: ServerInfo; timeoutMs: number }> {
  const timeoutMs = Math.min(Math.max(wanted, 1), LONGEST_TIMER_MS)
  if (!durable) {
    throw new KvError('KV_NOT_SUPPORTED', 'a server decides for itself whether its writes wait for the disk', {
      hint: 'that is set where the server is started: kv serve --no-sync',
    })
  }
  const url = serverUrl(location)
  const client = new HttpClient(url, credentials?.token, timeoutMs)
  try {
    const info = await client.json<ServerInfo>({ method: 'GET', path: PATHS.info, write: false, signal }, INFO)
    return { client, info, timeoutMs }
  } catch (error) {
    await client.close()
    const isMute =
      url.protocol === 'http:' && error instanceof KvError && error.code === 'KV_UNAVAILABLE' && !signal?.aborted
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    if (!isMute || !(await speaksTls(host, Number(url.port || 80), timeoutMs))) throw error
    throw new KvError('KV_UNAVAILABLE', `${url.origin} speaks TLS`, {
      cause: error,
      hint: `try it as ${url.origin.replace('http:', 'https:')}`,
    })
  }
}

/** The limits of a server. Absent ones are those of older servers, and of engines without them. */
export function limitsOf(info: ServerInfo): Limits {
  return {
    maxKeyBytes: info.max_key_bytes,
    maxValueBytes: info.max_value_bytes,
    maxEntryBytes: info.max_entry_bytes ?? Infinity,
    maxBatchOps: info.max_batch_ops,
    maxBatchBytes: info.max_batch_bytes,
    opOverheadBytes: info.op_overhead_bytes ?? 0,
    expiryStepMs: info.expiry_step_ms ?? 1,
    maxBatchesInFlight: 1,
  }
}

/** What a server can do. */
export function supportsOf(info: ServerInfo): Supports {
  return {
    syncReads: false,
    remote: true,
    snapshotRange: info.snapshot_range,
    persistent: info.persistent,
    unknownOutcome: true,
    repeatedKeys: true,
    exclusiveLoad: false,
    watch: info.watch ?? false,
  }
}
