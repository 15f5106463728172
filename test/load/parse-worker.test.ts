import { on } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import type { Parsed } from '../../src/load/block-parser.ts'
import type { FromWorker, ToWorker } from '../../src/load/parse-worker.ts'
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

/** A worker that makes values forty times as long as what they are made of, and a message of such records. */
function longValues(): { worker: Worker; message: () => ToWorker; records: number } {
  const worker = new Worker(join(import.meta.dirname, '../../dist/cli/parse-worker.cjs'), {
    workerData: {
      format: 'jsonl',
      maxKeyBytes: 100,
      maxValueBytes: 1e6,
      skip: false,
      mapping: { key: 'id', value: '{v}'.repeat(40) },
    },
  })
  onTestFinished(async () => void (await worker.terminate()))
  const records = 6000
  const lines = Array.from({ length: records }, (_, i) => `{"id":"${i}","v":"${'v'.repeat(150)}"}\n`).join('')
  const message = (): ToWorker => {
    const buffer = new Uint8Array(Buffer.from(lines))
    return { type: 'data', buffer, length: buffer.length }
  }
  return { worker, message, records }
}

test('no more than two blocks wait to be stored, however much is made of the input', async () => {
  const { worker, message } = longValues()
  let blocks = 0
  worker.on('message', (answer: FromWorker) => void (blocks += Number('block' in answer)))
  worker.on('error', () => {})
  for (let n = 0; n < 6; n++) worker.postMessage(message(), [])
  // No message at all ends it, once it has done what it does with those before.
  worker.postMessage(null, [])
  await new Promise((resolve) => void worker.on('exit', resolve))
  expect(blocks).toBe(2)
})

test('what waited for room is taken when there is some, to the end', async () => {
  const { worker, message, records } = longValues()
  const messages = on(worker, 'message') as AsyncIterable<[FromWorker]>
  for (let n = 0; n < 6; n++) worker.postMessage(message(), [])
  worker.postMessage({ type: 'cut', final: true, last: true } satisfies ToWorker, [])
  let stored = 0
  let buffers = 0
  for await (const [answer] of messages) {
    if (answer instanceof Uint8Array) buffers++
    if (!('block' in answer)) continue
    stored += answer.records
    if (answer.final) break
    worker.postMessage({ type: 'stored' } satisfies ToWorker, [])
  }
  expect({ stored, buffers }).toEqual({ stored: 6 * records, buffers: 6 })
})
