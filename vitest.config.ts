import { statfsSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { defineConfig } from 'vitest/config'
import type { InlineConfig } from 'vitest/node'

/** A file system in memory, and the free bytes that make it large enough for the files of tests. */
const MEMORY = '/dev/shm'
const ENOUGH_BYTES = 2 ** 31

/** Where tests keep their files: in memory a sync costs nothing. `TMPDIR` says otherwise. */
function temporaryFolder(): string {
  if (process.env['TMPDIR'] !== undefined) return process.env['TMPDIR']
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= ENOUGH_BYTES ? MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}

/**
 * Files that leave nothing behind in their process: a worker runs many of them, and loads vitest and the code once. Each
 * of the others, about memory, locks, handles and kills, has a process of its own.
 */
const SHARED = [
  'test/layers.test.ts',
  'test/repl/*.test.ts',
  'test/{blocks,cli,commands,completion,formats,interop,load,output,store,terminal}/**/*.test.ts',
  'test/{drivers/http,drivers/kit,repl/language,server/admission,server/routes}/*.test.ts',
]

/** Tests that install tools from npm's registry, which takes long: `npm run test:package`. */
const FROM_REGISTRY = '!test/package/elsewhere/**'

/** What is the same for every run of tests. */
export const common: InlineConfig = {
  pool: 'forks',
  // Tests wait for other processes most of the time; by itself vitest leaves one processor idle.
  maxWorkers: availableParallelism() + 1,
  // Ends what hangs, also on a machine with much else to do.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  retry: 0,
  env: { TMPDIR: temporaryFolder() },
  // The style sheet of the benchmark's page is taken in as text.
  css: true,
}

export default defineConfig({
  test: {
    ...common,
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false } },
      {
        extends: true,
        test: { name: 'alone', include: ['test/**/*.test.ts', FROM_REGISTRY, ...SHARED.map((files) => `!${files}`)] },
      },
    ],
  },
})
