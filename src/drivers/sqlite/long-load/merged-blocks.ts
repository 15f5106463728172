import { threadScript } from '../../../code-folder.ts'
import type { Block } from '../../../blocks/block.ts'
import type { MergeData } from './merge-worker.ts'
import { type BlockArrays, type Merged, Merger, blockOfMerged, buffersOf } from './merge.ts'
import type { RunFile } from './run-file.ts'

/** From so many bytes on, another thread merges, which takes 20 ms to start. */
const THREAD_BYTES = 16 << 20

/**
 * The entries of all runs in key order, in blocks that must each be done with before the next is asked for; `keepsEqual` as
 * for {@link Merger}. Throws what the file system throws.
 */
export async function* mergedBlocks(file: RunFile, keepsEqual: boolean): AsyncGenerator<Block, void, void> {
  const { fd, runs, commonPrefix, length } = file
  const all = { fd, runs, commonPrefix }
  const script = length < THREAD_BYTES ? undefined : threadScript('merge-worker')
  if (script !== undefined) return yield* mergedByThread(script, { runs: all, keepsEqual })
  const merger = new Merger(all, keepsEqual)
  for (let merged = merger.next(); merged !== undefined; merged = merger.next(merged.arrays))
    yield blockOfMerged(merged)
}

async function* mergedByThread(script: string, workerData: MergeData): AsyncGenerator<Block, void, void> {
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  // With streams of its own, or the thread would set the descriptors of this process to non-blocking.
  const worker = new Worker(script, { workerData, stdin: false, stdout: true, stderr: true })
  const ready: (Merged | undefined)[] = []
  const state: { failure?: unknown; wake(): void } = { wake: () => {} }
  worker.on('message', (merged: Merged | undefined) => {
    ready.push(merged)
    state.wake()
  })
  worker.on('error', (error) => {
    state.failure = error
    state.wake()
  })
  try {
    for (;;) {
      while (ready.length === 0 && state.failure === undefined)
        await new Promise<void>((resolve) => (state.wake = resolve))
      if (ready.length === 0) throw state.failure
      const merged = ready.shift()
      if (merged === undefined) return
      yield blockOfMerged(merged)
      const { arrays } = merged
      worker.postMessage(arrays satisfies BlockArrays, buffersOf(arrays))
    }
  } finally {
    await worker.terminate()
  }
}
