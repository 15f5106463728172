/** The thread that merges the runs of a long load while the main thread inserts what it has merged. */
import { parentPort, workerData } from 'node:worker_threads'
import { type BlockArrays, type Merged, Merger, buffersOf } from './merge.ts'
import type { Runs } from './record.ts'

/** What the thread is started with. */
export interface MergeData {
  readonly runs: Runs
  /** As for {@link Merger}. */
  readonly keepsEqual: boolean
}

/** Blocks that are merged ahead. */
const AHEAD = 3

const port = parentPort
if (port === null) throw new Error('not a worker thread')

const { runs, keepsEqual } = workerData as MergeData
const merger = new Merger(runs, keepsEqual)

/** Sends the next block, or at the end `undefined`. */
function send(arrays?: BlockArrays): void {
  const merged: Merged | undefined = merger.next(arrays)
  port!.postMessage(merged, merged === undefined ? [] : buffersOf(merged.arrays))
}

port.on('message', send)
for (let n = 0; n < AHEAD; n++) send()
