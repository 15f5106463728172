import { on } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import type { Parsed } from '../../src/load/block-parser.ts'
import type { FromWorker } from '../../src/load/parse-worker.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** The built worker, told to read a file; what it answers, until it says that nothing follows. */
async function readFile(path: string, onBlock: (worker: Worker, parsed: Parsed) => void): Promise<FromWorker[]> {
  const worker = new Worker(join(import.meta.dirname, '../../dist/cli/parse-worker.cjs'), {
    workerData: { format: 'jsonl', maxKeyBytes: 100, maxValueBytes: 1000, skip: false },
  })
  const fd = openSync(path, 'r')
  onTestFinished(async () => {
    await worker.terminate()
    closeSync(fd)
  })
  const answers: FromWorker[] = []
  const messages = on(worker, 'message') as AsyncIterable<[FromWorker]>
  worker.postMessage({ type: 'read', fd }, [])
  for await (const [answer] of messages) {
    answers.push(answer)
    if (!('block' in answer)) continue
    if (answer.final) break
    onBlock(worker, answer)
  }
  return answers
}

test('a file is read block by block, each larger than the one before', async () => {
  const path = join(tempDir(), 'rows.jsonl')
  const line = (i: number): string => `["${String(i).padStart(8, '0')}","${'v'.repeat(500)}"]\n`
  writeFileSync(path, Array.from({ length: 30_000 }, (_, i) => line(i)).join(''))
  const answers = (await readFile(path, (worker) => worker.postMessage({ type: 'stored' }, []))) as Parsed[]
  expect(answers.reduce((sum, { records }) => sum + records, 0)).toBe(30_000)
  expect(answers.reduce((sum, { inputBytes }) => sum + inputBytes, 0)).toBe(30_000 * line(0).length)
  expect(answers.length).toBeGreaterThan(2)
  expect(answers[1]!.inputBytes).toBeGreaterThan(answers[0]!.inputBytes)
})

test('a file that cannot be read ends there, and says why', async () => {
  const answers = await readFile(tempDir(), () => {})
  expect(answers).toMatchObject([
    { unreadable: expect.stringMatching(/folder|directory/i) },
    { records: 0, final: true },
  ])
})
