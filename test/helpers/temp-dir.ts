import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A folder of the running test's own, removed when the test is over. Call it inside a test. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), 'kv-test-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
