import { closeSync, constants, openSync } from 'node:fs'
import { cFunction, isBun } from './c-library.ts'

/**
 * Calls `tell` when the last reader of a pipe that is written has gone; returns what ends that. There is no poll(2) in
 * Node, and no event of it: each runtime has a way of its own. Where that is missing, or the pipe belongs to another user,
 * the next write finds out.
 */
export function whenUnread(fd: number, tell: () => void): () => void {
  try {
    return isBun ? askedOfSystem(fd, tell) : polledByNode(fd, tell)
  } catch {
    return () => {}
  }
}

/** A connection within Node, as far as it is used here. */
type PolledHandle = Record<'open' | 'readStart' | 'unref' | 'close', (fd?: number) => number> & { onread: () => void }

/**
 * What Node opens as a connection it polls, and a pipe without readers is an error to read. It is opened once more
 * (Linux), so that others who have it do not find it non-blocking.
 */
function polledByNode(fd: number, tell: () => void): () => void {
  const node = process as unknown as { binding(name: string): { TCP: new (type: number) => PolledHandle } }
  const handle = new (node.binding('tcp_wrap').TCP)(0)
  const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  if (handle.open(own) !== 0) closeSync(own)
  handle.onread = () => {
    handle.close()
    tell()
  }
  handle.readStart()
  handle.unref()
  return () => void handle.close()
}

/** How often the system is asked, in milliseconds. */
const ASK_MS = 100

/** `struct pollfd`, in bytes: the descriptor, what is asked for, and at 6 what is so. */
const POLLFD = 8

/** Bun calls functions of the C library: poll(2) says of a pipe without readers that it is one, whatever was asked for. */
function askedOfSystem(fd: number, tell: () => void): () => void {
  const poll = cFunction('poll', ['ptr', 'u64', 'i32'], 'i32')
  const asked = new Uint8Array(POLLFD)
  new DataView(asked.buffer).setInt32(0, fd, true)
  const timer = setInterval(() => {
    if (poll(asked, 1, 0) < 1) return
    clearInterval(timer)
    tell()
  }, ASK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
