import { monotonicMs } from '../../../async.ts'
import { KvError } from '../../../errors.ts'

/** How long members are tried when all are lost, in milliseconds, as a server is by its watches. */
const PATIENCE_MS = 60_000

/** What a step settles to that is tried again while nobody answers: a watch outlives the loss of a whole cluster. */
export async function patiently<T>(step: () => Promise<T>): Promise<T> {
  const began = monotonicMs()
  for (;;) {
    try {
      return await step()
    } catch (error) {
      const isLost = error instanceof KvError && error.code === 'KV_UNAVAILABLE'
      if (!isLost || monotonicMs() - began > PATIENCE_MS) throw error
    }
  }
}
