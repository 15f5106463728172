/**
 * SQLite keeps the log of a file beside the name by which it was opened. A file that has two names, by a hard link or
 * because it alone is mounted somewhere, could have two logs, each of which would destroy what the other holds.
 */
import { type Stats, readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { holdThread } from '../../../async.ts'
import { KvError } from '../../../errors.ts'
import { quoteWord } from '../../../shell-quote.ts'
import { usersOf } from '../locks/file-locks.ts'
import { sizeOf } from '../format/read-file.ts'
import { isTemporary } from '../format/temporary-names.ts'

/** How often a file is looked at again that somebody is just opening or closing. */
const LOOKS = 5
const LOOK_MS = 20

/** Throws `KV_UNAVAILABLE` when a file has a second name, under which its newest writes may be. */
export function refuseHiddenLog(path: string, stat: Stats): void {
  const others = otherNames(path, stat)
  if (others === undefined && !isMountPoint(path)) return
  const hidden = others?.find((name) => sizeOf(`${name}-wal`) > 0)
  if (hidden !== undefined) {
    throw new KvError(
      'KV_UNAVAILABLE',
      `${path} and ${hidden} are one file, whose newest writes are in ${hidden}-wal`,
      { hint: `use that name: --store ${quoteWord(hidden)}` },
    )
  }
  for (let look = 1; ; look++) {
    const [user] = usersOf(path, stat).fileOnly
    if (user === undefined) return
    if (look === LOOKS) {
      throw new KvError(
        'KV_UNAVAILABLE',
        `${path} has a second name, under which process ${user} has it open; what that wrote last cannot be seen here`,
        { hint: 'use the name that process uses, or end it first' },
      )
    }
    holdThread(LOOK_MS)
  }
}

/** Throws `KV_UNAVAILABLE` when a file has a second name; writes would be lost to whoever uses that. */
export function refuseTwoLogs(path: string, stat: Stats): void {
  if (otherNames(path, stat) === undefined) return
  const own = `${path}.own`
  throw new KvError(
    'KV_UNAVAILABLE',
    `${path} has a second name (a hard link): it can be read, but writes under one name would be lost under the other`,
    {
      hint: `while no program uses it, make it a file of its own: cp -p ${quoteWord(path)} ${quoteWord(own)} && mv ${quoteWord(own)} ${quoteWord(path)}`,
    },
  )
}

/** The same for a file that alone is mounted at `path`. */
export function refuseMountPoint(path: string): void {
  if (!isMountPoint(path)) return
  throw new KvError(
    'KV_UNAVAILABLE',
    `${path} is mounted alone, without the folder its log belongs into: it can be read, but not written`,
    { hint: `mount the folder it lies in, as docker run -v "$PWD/data:${quoteWord(dirname(path))}" does` },
  )
}

/** Other names of a file, as far as they are in its folder; `undefined` when it has none at all. */
function otherNames(path: string, { nlink, dev, ino }: Stats): string[] | undefined {
  if (nlink <= 1) return undefined
  const folder = dirname(path)
  const others: string[] = []
  let left = nlink - 1
  for (const name of namesIn(folder)) {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false })
    if (name === basename(path) || stat?.ino !== ino || stat.dev !== dev) continue
    // Whoever made the store has not yet taken the name away by which it was made, or was killed before.
    if (isTemporary(name)) left--
    else others.push(join(folder, name))
  }
  if (left <= 0) return undefined
  const now = statSync(path, { throwIfNoEntry: false })
  return now === undefined || now.nlink === nlink ? others : otherNames(path, now)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Whether a file is where something is mounted; Linux tells. */
function isMountPoint(path: string): boolean {
  let mounts: string
  try {
    mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return false
  }
  // proc(5): 36 35 98:0 /root /mount/point options...; blanks and backslashes are written as three octal digits.
  const name = path.replaceAll(/[\\ \t\n]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`)
  return mounts.includes(` ${name} `) && mounts.split('\n').some((line) => line.split(' ')[4] === name)
}
