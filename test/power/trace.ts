import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { environment } from '../helpers/kv.ts'

/** A change that a process asked of the file system; paths are absolute, offsets and lengths bytes. */
export type Call =
  | {
      readonly type: 'open'
      readonly fd: number
      readonly path: string
      readonly creates: boolean
      readonly truncates: boolean
    }
  | { readonly type: 'write'; readonly fd: number; readonly data: Buffer; readonly at: number }
  | { readonly type: 'append'; readonly fd: number; readonly data: Buffer }
  | { readonly type: 'truncate'; readonly fd: number; readonly length: number }
  | { readonly type: 'sync'; readonly fd: number }
  | { readonly type: 'close'; readonly fd: number }
  | { readonly type: 'link'; readonly from: string; readonly to: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'unlink'; readonly path: string }
  | { readonly type: 'mkdir'; readonly path: string }
  /** What the process printed: an acknowledgement. */
  | { readonly type: 'print'; readonly text: string }

/** Calls that change files, names or what of them is on disk. `strace` prints them as they return. */
const TRACED =
  'openat,write,pwrite64,ftruncate,fsync,fdatasync,close,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat'

/** Calls that change files and are not understood here: a trace with one of them is no use. */
const STRANGE =
  'writev,pwritev,pwritev2,fallocate,copy_file_range,sendfile,truncate,creat,open,dup,dup2,dup3,io_uring_enter'

/** Skips the test where there is no `strace`; in CI it fails. */
export function needTrace(context: TestContext): void {
  const { error, status, stderr } = spawnSync('strace', ['-e', 'trace=none', 'true'], { encoding: 'utf8' })
  if (error === undefined && status === 0) return
  const reason = `strace does not work here: ${error?.message ?? stderr.trim()}`
  if (process.env['CI']) throw new Error(reason)
  console.warn(`tests of power loss skipped, ${reason}`)
  context.skip(reason)
}

/**
 * Runs a program of Node to its end and returns what its main thread, where all writing is done, asked of the file
 * system.
 */
export function traced(
  args: readonly string[],
  { env, input }: { env?: Record<string, string>; input?: string } = {},
): Call[] {
  const folder = mkdtempSync(join(tmpdir(), 'kv-trace-'))
  try {
    const log = join(folder, 'trace')
    const options = ['-xx', '-s', String(1 << 26), '-e', `trace=${TRACED},${STRANGE}`, '-e', 'signal=none', '-o', log]
    execFileSync('strace', [...options, process.execPath, ...args], {
      env: environment(env),
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    })
    return readFileSync(log, 'latin1').split('\n').flatMap(parse)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `name(arguments) = result`; only the calls that succeeded count. */
function parse(line: string): Call[] {
  const [, name, text, result] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(line) ?? []
  if (name === undefined || text === undefined || Number(result) < 0) return []
  const words = text.split(', ')
  const number = (i: number): number => Number(words[i])
  const path = (i: number): string => bytes(words[i]!).toString()
  switch (name) {
    case 'openat': {
      const flags = words[2]!.split('|')
      return [
        {
          type: 'open',
          fd: Number(result),
          path: path(1),
          creates: flags.includes('O_CREAT'),
          truncates: flags.includes('O_TRUNC'),
        },
      ]
    }
    case 'write':
      if (number(0) === 1) return [{ type: 'print', text: path(1) }]
      // Also on a pipe or an event counter, which are no files of the disk.
      return [{ type: 'append', fd: number(0), data: bytes(words[1]!).subarray(0, Number(result)) }]
    case 'pwrite64':
      return [{ type: 'write', fd: number(0), data: bytes(words[1]!).subarray(0, Number(result)), at: number(3) }]
    case 'ftruncate':
      return [{ type: 'truncate', fd: number(0), length: number(1) }]
    case 'fsync':
    case 'fdatasync':
      return [{ type: 'sync', fd: number(0) }]
    case 'close':
      return [{ type: 'close', fd: number(0) }]
    case 'link':
    case 'rename':
      return [{ type: name, from: path(0), to: path(1) }]
    case 'unlink':
      return [{ type: 'unlink', path: path(0) }]
    case 'mkdir':
      return [{ type: 'mkdir', path: path(0) }]
    default:
      throw new Error(`a call that the simulated disk does not know: ${line.slice(0, 200)}`)
  }
}

/** A string of hex escapes in quotes. */
function bytes(word: string): Buffer {
  if (!/^"(?:\\x[0-9a-f]{2})*"$/.test(word.length > 100 ? `${word.slice(0, 97)}"` : word))
    throw new Error(`cut off: ${word.slice(0, 100)}`)
  return Buffer.from(word.slice(1, -1).replaceAll('\\x', ''), 'hex')
}
