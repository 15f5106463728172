import { join } from 'node:path'
import { tempDir } from '../helpers/temp-dir.ts'
import { served } from './served.ts'
import { conformance } from './suite.ts'

conformance('http over sqlite', {
  place: () => served(join(tempDir(), 'store.kv')),
  supports: {
    syncReads: false,
    remote: true,
    snapshotRange: true,
    persistent: true,
    unknownOutcome: true,
    repeatedKeys: true,
    watch: true,
  },
  shared: true,
  ownClock: true,
})
