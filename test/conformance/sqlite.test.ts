import { join } from 'node:path'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { conformance } from './suite.ts'

conformance('sqlite', {
  place() {
    const path = join(tempDir(), 'store.kv')
    return { open: async (options = {}) => SqliteDriver.open(path, { durable: false, ...options }) }
  },
  supports: {
    syncReads: true,
    remote: false,
    snapshotRange: true,
    persistent: true,
    unknownOutcome: false,
    repeatedKeys: true,
    exclusiveLoad: true,
    watch: true,
  },
  shared: true,
  ownClock: true,
  bounded: true,
})
