import { closeSync, fstatSync, statSync } from 'node:fs'

/**
 * POSIX drops every lock a process holds on a file when the process closes any descriptor of it
 * (fcntl(2)). So a descriptor of our own on a file that SQLite has open anywhere in this process
 * must stay open until the last connection is gone.
 */
interface OpenFile {
  connections: number
  readonly descriptors: number[]
}

const files = new Map<string, OpenFile>()

/** What tells a file from every other, also under another name or after it was replaced. */
export function fileId(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

/** Notes a connection to the file of this id. */
export function connected(id: string): void {
  const file = files.get(id)
  if (file === undefined) files.set(id, { connections: 1, descriptors: [] })
  else file.connections++
}

/** Notes that a connection is closed; with the last one the descriptors that waited are closed too. */
export function disconnected(id: string): void {
  const file = files.get(id)
  if (file === undefined || --file.connections > 0) return
  files.delete(id)
  for (const descriptor of file.descriptors) closeSync(descriptor)
}

/** Closes a descriptor, or keeps it until no connection to its file is left. */
export function closeWhenFree(descriptor: number): void {
  const { dev, ino } = fstatSync(descriptor)
  const file = files.get(`${dev}:${ino}`)
  if (file === undefined) closeSync(descriptor)
  else file.descriptors.push(descriptor)
}
