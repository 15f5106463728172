import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import { LAYOUT_OF_NEW } from '../../src/drivers/sqlite/layout/layouts.ts'
import { LAYOUTS, emptyStore } from '../helpers/layouts.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { conformance } from './suite.ts'

for (const [name, layout] of LAYOUTS)
  conformance(`sqlite, ${name}`, {
    place() {
      const path = join(tempDir(), 'store.kv')
      return {
        open: async (options = {}) => {
          // New stores have the newest layout, or with a bound that of format 1.
          if (layout !== LAYOUT_OF_NEW && options.maxEntries === undefined && !existsSync(path))
            emptyStore(path, layout)
          return SqliteDriver.open(path, { durable: false, ...options })
        },
      }
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
