import { closeSync, fstatSync, readdirSync, statSync } from 'node:fs'
import { sqliteEngine } from '../engine/engine.ts'
import { openForReading } from '../format/read-file.ts'

/**
 * POSIX drops all locks of a process on a file when the process closes any descriptor of it (fcntl(2)). So ours on a
 * file that SQLite has open must stay open until SQLite has closed the last of its own.
 */
interface OpenFile {
  connections: number
  readonly descriptors: Set<number>
}

const files = new Map<string, OpenFile>()

/** What tells a file from every other, also under another name or after it was replaced. */
export function fileId(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && idOf(stat)
}

/** The same of what `stat` says of it. */
export function idOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`
}

/** Notes a connection to the file of this id. */
export function connected(id: string): void {
  const file = files.get(id)
  if (file !== undefined) {
    file.connections++
    return
  }
  forgetClosed()
  files.set(id, { connections: 1, descriptors: new Set() })
}

/** Notes a closed connection; returns whether it was the last. Then ours are closed too, where SQLite's own are. */
export function disconnected(id: string): boolean {
  const file = files.get(id)
  if (file === undefined || --file.connections > 0) return false
  if (sqliteEngine().closesAtOnce) forget(id, file)
  return true
}

/** Whether this process has a connection to the file of this id, or had one that may not be closed yet. */
export function mayBeOpen(id: string): boolean {
  return files.has(id)
}

/** A descriptor for reading a file that SQLite may have open too; close it with {@link closeWhenFree}. */
export function openBeside(path: string): number {
  const id = fileId(path)
  const [kept] = (id === undefined ? undefined : files.get(id)?.descriptors) ?? []
  return kept ?? openForReading(path)
}

/** Closes a descriptor, or keeps it until SQLite has the file open no longer. */
export function closeWhenFree(descriptor: number): void {
  const file = files.get(idOf(fstatSync(descriptor)))
  if (file === undefined) closeSync(descriptor)
  else file.descriptors.add(descriptor)
}

/** Whether there are files that SQLite may still have open though all connections are closed. */
export function hasUnclosed(): boolean {
  return [...files.values()].some(({ connections }) => connections === 0)
}

/** Where SQLite closes only when statements are collected: forgets the files that are closed by now, as Linux tells. */
export function forgetClosed(): void {
  const idle = [...files].filter(([, { connections }]) => connections === 0)
  if (idle.length === 0) return
  const open = new Map<string, number>()
  try {
    for (const name of readdirSync('/proc/self/fd')) {
      const id = fileId(`/proc/self/fd/${name}`)
      if (id !== undefined) open.set(id, (open.get(id) ?? 0) + 1)
    }
  } catch {
    return
  }
  for (const [id, file] of idle) if ((open.get(id) ?? 0) === file.descriptors.size) forget(id, file)
}

function forget(id: string, file: OpenFile): void {
  files.delete(id)
  for (const descriptor of file.descriptors) closeSync(descriptor)
}
