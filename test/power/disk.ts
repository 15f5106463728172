import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Call } from './trace.ts'

/** What a disk writes at once: a power loss can leave any of them old or new. */
const SECTOR = 512

type Change = { readonly data: Buffer; readonly at: number } | { readonly length: number }

/** A file, whatever its names: what of it is on disk for certain, and what may be. */
interface File {
  durable: Buffer
  pending: Change[]
}

/** A folder has names only. */
type Node = File | 'folder'

/** A name that came or went and may not be on disk yet. */
interface NameChange {
  readonly path: string
  readonly node: Node | undefined
}

/** Chooses what of the pending changes a power loss has left: called once for each, in their order. */
export type Survives = () => boolean

/**
 * What would be on the disk below one folder if the power went now, by the letter of POSIX: a write is there
 * for certain when its file was synced after it, a name when its folder was. All else may be there or not,
 * in any order, and a write by sectors. After the durable image of redb's tests.
 */
export class Disk {
  readonly #root: string
  /** Names as the running programs see them. */
  readonly #names = new Map<string, Node>()
  readonly #durableNames = new Map<string, Node>()
  #pendingNames: NameChange[] = []
  readonly #open = new Map<number, { readonly path: string; readonly node: Node | undefined }>()

  /** @param root an empty folder, itself on disk */
  constructor(root: string) {
    this.#root = root
    this.#names.set(root, 'folder')
    this.#durableNames.set(root, 'folder')
  }

  /** A file was there before, and is on disk. */
  has(path: string, content: Buffer): void {
    const file = { durable: content, pending: [] }
    this.#names.set(path, file)
    this.#durableNames.set(path, file)
  }

  /** Follows a call. */
  apply(call: Call): void {
    switch (call.type) {
      case 'open': {
        if (!this.#concerns(call.path)) return
        if (call.creates && !this.#names.has(call.path))
          this.#name(call.path, { durable: Buffer.alloc(0), pending: [] })
        const node = this.#names.get(call.path)
        this.#open.set(call.fd, { path: call.path, node })
        if (call.truncates && isFile(node)) node.pending.push({ length: 0 })
        return
      }
      case 'write':
      case 'truncate': {
        const file = this.#open.get(call.fd)?.node
        if (isFile(file))
          file.pending.push(call.type === 'write' ? { data: call.data, at: call.at } : { length: call.length })
        return
      }
      case 'append': {
        const file = this.#open.get(call.fd)?.node
        if (isFile(file)) file.pending.push({ data: call.data, at: contentOf(file, () => true).length })
        return
      }
      case 'sync':
        return this.#sync(call.fd)
      case 'close':
        this.#open.delete(call.fd)
        return
      case 'link':
      case 'rename':
        if (!this.#concerns(call.to)) return
        this.#name(call.to, this.#names.get(call.from))
        if (call.type === 'rename') this.#name(call.from, undefined)
        return
      case 'unlink':
        if (this.#concerns(call.path)) this.#name(call.path, undefined)
        return
      case 'mkdir':
        if (this.#concerns(call.path)) this.#name(call.path, 'folder')
        return
      case 'print':
        return
    }
  }

  /** Whether a descriptor is that of a file or folder of this disk. */
  isOpen(fd: number): boolean {
    return this.#open.has(fd)
  }

  /** The process has ended: its descriptors are closed. */
  ended(): void {
    this.#open.clear()
  }

  /** Changes that are not on disk for certain. */
  get pending(): number {
    return (
      this.#pendingNames.length +
      [...this.#names.values()].reduce((sum, node) => sum + (isFile(node) ? node.pending.length : 0), 0)
    )
  }

  /** Writes an image into an empty folder, as the next start finds it. */
  write(folder: string, survives: Survives): void {
    const names = new Map(this.#durableNames)
    for (const { path, node } of this.#pendingNames) {
      if (!survives()) continue
      if (node === undefined) names.delete(path)
      else names.set(path, node)
    }
    for (const [path, node] of [...names].sort(([a], [b]) => a.length - b.length)) {
      // SQLite's shared memory is made anew after a start. What lies in a folder that was lost is lost.
      if (path === this.#root || path.endsWith('-shm') || names.get(dirname(path)) !== 'folder') continue
      const target = join(folder, path.slice(this.#root.length))
      if (node === 'folder') mkdirSync(target)
      else writeFileSync(target, contentOf(node, survives), { mode: 0o600 })
    }
  }

  #concerns(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`)
  }

  #name(path: string, node: Node | undefined): void {
    if (node === undefined) this.#names.delete(path)
    else this.#names.set(path, node)
    this.#pendingNames.push({ path, node })
  }

  #sync(fd: number): void {
    const open = this.#open.get(fd)
    if (open === undefined) return
    if (isFile(open.node)) {
      open.node.durable = contentOf(open.node, () => true)
      open.node.pending = []
      return
    }
    const isHere = ({ path }: NameChange): boolean => dirname(path) === open.path
    for (const { path, node } of this.#pendingNames.filter(isHere)) {
      if (node === undefined) this.#durableNames.delete(path)
      else this.#durableNames.set(path, node)
    }
    this.#pendingNames = this.#pendingNames.filter((change) => !isHere(change))
  }
}

function isFile(node: Node | undefined): node is File {
  return typeof node === 'object'
}

function contentOf({ durable, pending }: File, survives: Survives): Buffer {
  let content = durable
  for (const change of pending) {
    if ('length' in change) {
      if (survives()) content = resized(content, change.length)
      continue
    }
    const { data, at } = change
    for (let from = at; from < at + data.length;) {
      const to = Math.min(at + data.length, from - (from % SECTOR) + SECTOR)
      if (survives()) {
        content = resized(content, Math.max(content.length, to), content === durable)
        data.copy(content, from, from - at, to - at)
      }
      from = to
    }
  }
  return content
}

/** The first bytes of a content, with zeros behind; the same memory where that is the caller's own. */
function resized(content: Buffer, length: number, copies = true): Buffer {
  if (content.length === length && !copies) return content
  const next = Buffer.alloc(length)
  content.copy(next, 0, 0, Math.min(length, content.length))
  return next
}
