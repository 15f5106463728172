import { collectGarbage } from '../../../process/collect-garbage.ts'
import { forgetClosed, hasUnclosed } from '../locks/posix-locks.ts'

/** Has SQLite close and remove the files of closed connections where it does so only when statements are collected. */
export async function freeFiles(): Promise<void> {
  if (!hasUnclosed()) return
  await collectGarbage()
  forgetClosed()
}
