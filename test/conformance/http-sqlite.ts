import { join } from 'node:path'
import { tempDir } from '../helpers/temp-dir.ts'
import { served } from './served.ts'
import type { Target } from './suite.ts'

/** A local store behind a server. */
export const HTTP_SQLITE: Target = {
  place: () => served(join(tempDir(), 'store.kv')),
  supports: {
    syncReads: false,
    remote: true,
    snapshotRange: true,
    persistent: true,
    unknownOutcome: true,
    repeatedKeys: true,
    exclusiveLoad: false,
    watch: true,
  },
  shared: true,
  ownClock: true,
}
