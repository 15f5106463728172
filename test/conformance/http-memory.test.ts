import { served } from './served.ts'
import { type Target, conformance } from './suite.ts'

// Ranges through HTTP are tried over SQLite, those of memory without HTTP.
const HTTP_MEMORY: Target = {
  place: () => served('memory:'),
  supports: {
    syncReads: false,
    remote: true,
    snapshotRange: true,
    persistent: false,
    unknownOutcome: true,
    repeatedKeys: true,
    exclusiveLoad: false,
    watch: true,
  },
  shared: true,
  ownClock: true,
}

conformance('http over memory', HTTP_MEMORY, 'others')
