import { served } from './served.ts'
import { conformance } from './suite.ts'

conformance('http over memory', {
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
})
