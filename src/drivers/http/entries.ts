import { KvError } from '../../errors.ts'
import type { Entry, Head } from '../../store/driver/entry.ts'
import { expiresIn, revisionIn } from './answers.ts'
import type { Answer, Call } from './call.ts'
import type { HttpClient } from './client.ts'

/** What the path of a key answers. */
const FOUND_OR_NOT = { 200: 'done', 404: 'KV_NOT_FOUND' } as const

/** The entry of a key that a path answers with. Throws what requests throw. */
export async function entryFrom(
  client: HttpClient,
  path: string,
  key: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Entry | undefined> {
  const call: Call = { method: 'GET', write: false, path, answers: FOUND_OR_NOT, signal }
  const answer = await client.request(call)
  if (answer.status === 404) return undefined
  // A value that ends where the connection does may be half of one.
  if (answer.headers['content-length'] === undefined && answer.headers['transfer-encoding'] === undefined) {
    throw new KvError('KV_UNAVAILABLE', 'the answer does not say where the value ends', {
      hint: 'a proxy that speaks HTTP/1.0 cannot stand before kv serve',
    })
  }
  const { buffer, byteOffset, length } = answer.body
  const value = new Uint8Array(buffer, byteOffset, length)
  return {
    key: new Uint8Array(key),
    value,
    revision: revisionOfAnswer(client, call, answer),
    expires: expiresIn(answer),
  }
}

/** The same without the value. */
export async function headFrom(
  client: HttpClient,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Head | undefined> {
  const call: Call = { method: 'HEAD', write: false, path, answers: FOUND_OR_NOT, signal }
  const answer = await client.request(call)
  if (answer.status === 404) return undefined
  const length = answer.headers['content-length']
  if (length === undefined) throw client.failures.notKv(call, answer)
  return { revision: revisionOfAnswer(client, call, answer), expires: expiresIn(answer), valueBytes: Number(length) }
}

/** The revision that an answer must tell. Throws what requests throw for one that is not from kv. */
export function revisionOfAnswer(client: HttpClient, call: Call, answer: Answer<unknown>): number {
  const revision = revisionIn(answer)
  if (revision === undefined) throw client.failures.notKv(call, answer)
  return revision
}
