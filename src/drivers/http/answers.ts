import { revisionFrom, revisionOf } from '../../protocol/etag.ts'
import { HEADERS } from '../../protocol/http-api.ts'
import type { Answer, Call, HttpClient } from './client.ts'

/** When the entry of an answer ends, in milliseconds since 1970; `undefined`: never. */
export function expiresIn({ headers }: Answer): number | undefined {
  const expires = headers[HEADERS.expires]
  return expires === undefined ? undefined : Number(expires)
}

/** The revision that an answer tells; `undefined` when it tells none. */
export function revisionIn({ headers }: Answer): number | undefined {
  return revisionFrom(String(headers[HEADERS.revision] ?? '')) ?? revisionOf(headers.etag ?? '')
}

/**
 * An answer in JSON, whose fields are of the same types as those of an example. Throws what calls throw, and for
 * another answer that it is strange.
 */
export async function json<T extends object>(client: HttpClient, call: Call, like: Partial<T>): Promise<T> {
  const answer = await client.call(call)
  const value = parseObject(await client.text(answer, call))
  const isAlike =
    value !== undefined &&
    Object.entries(like).every(
      ([name, example]) =>
        typeof value[name] === typeof example && Array.isArray(value[name]) === Array.isArray(example),
    )
  if (!isAlike) throw client.failures.strange(call, answer)
  return value as T
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return (JSON.parse(text) ?? undefined) as Record<string, unknown> | undefined
  } catch {
    return undefined
  }
}
