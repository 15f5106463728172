import { join } from 'node:path'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import { ROWS } from '../../src/drivers/sqlite/layout/rows.ts'
import { emptyStore } from '../helpers/layouts.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { conformance } from './suite.ts'

/** A file that an older kv has made: format 1. */
conformance('sqlite, format 1', {
  place() {
    const path = emptyStore(join(tempDir(), 'store.kv'), ROWS)
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
  // Such a store is made with its bound; those are of format 1 anyway.
  bounded: false,
})
