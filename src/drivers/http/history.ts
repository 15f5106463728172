import { FRAME, type Frame } from '../../protocol/frames.ts'
import { FRAMES, PATHS } from '../../protocol/http-api.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type {
  History,
  HistoryCall,
  HistoryStatus,
  Moment,
  Version,
  VersionsOptions,
} from '../../store/driver/history.ts'
import { LATEST_EXPIRY } from '../../store/expiry.ts'
import { framesOf } from './answers.ts'
import type { HttpClient } from './client.ts'
import { entryFrom } from './entries.ts'
import { keyPath, versionsPath, withQuery } from './target.ts'

/** What to do when the answer to a write is lost. */
const IF_LOST = 'kv history tells whether it was done; again does no harm'

/** The history that a server keeps. */
export class HttpHistory implements History {
  readonly #client: HttpClient

  constructor(client: HttpClient) {
    this.#client = client
  }

  async on(keep: number, { signal }: HistoryCall = {}): Promise<void> {
    const path = withQuery(PATHS.history, { keep })
    await this.#client.json({ method: 'PUT', path, write: true, ifLost: IF_LOST, signal }, { keep })
  }

  async off({ signal }: HistoryCall = {}): Promise<number> {
    const call = { method: 'DELETE', path: PATHS.history, write: true, ifLost: IF_LOST, signal } as const
    return (await this.#client.json(call, { dropped: 0 })).dropped
  }

  async status({ signal }: HistoryCall = {}): Promise<HistoryStatus> {
    const call = { method: 'GET', path: PATHS.history, write: false, signal } as const
    const body = await this.#client.json<StatusBody>(call, { keep: 0, versions: 0, bytes: 0 })
    const { since, since_revision: revision, ...counts } = body
    return { ...counts, since: revision === null ? undefined : { revision, time: Date.parse(since!) } }
  }

  async *versions(
    key: Uint8Array,
    { limit = Infinity, signal }: VersionsOptions = {},
  ): AsyncGenerator<Version[], void, void> {
    const path = versionsPath(key, { limit: limit === Infinity ? undefined : limit })
    const call = { method: 'GET', path, headers: { accept: FRAMES }, write: false, signal } as const
    let since: Frame | undefined
    for await (const frames of framesOf(this.#client.stream(call, FRAMES))) {
      const page: Version[] = []
      for (const frame of frames) {
        if (frame.kind === FRAME.since) since = frame
        else page.push(versionOf(frame, since?.expires))
      }
      if (page.length > 0) yield page
    }
  }

  at(key: Uint8Array, moment: Moment, { signal }: HistoryCall = {}): Promise<Entry | undefined> {
    const at = 'revision' in moment ? moment.revision : new Date(Math.min(moment.time, LATEST_EXPIRY)).toISOString()
    return entryFrom(this.#client, keyPath(key, { at: encodeURIComponent(at) }), key, signal)
  }
}

interface StatusBody extends Omit<HistoryStatus, 'since'> {
  readonly since: string | null
  readonly since_revision: number | null
}

/** What a frame says a key was from a time on. */
function versionOf({ kind, key, value, revision, expires }: Frame, time: number | undefined): Version {
  if (kind === FRAME.entry) return { type: 'put', time, key, value, revision, expires }
  return kind === FRAME.del ? { type: 'del', key, time: time!, revision } : { type: 'expired', key, time: time! }
}
