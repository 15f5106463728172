import {
  type Stats,
  accessSync,
  closeSync,
  constants,
  createWriteStream,
  openSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { unwritable, usageError } from '../../errors.ts'
import { type Sink, type Source, isNullDevice } from '../../io.ts'
import { openInputFile, readToEnd } from '../../load/input-file.ts'
import { quoteWord } from '../../shell-quote.ts'

/** Throws `KV_USAGE` when data and messages would go into one file and write over each other. */
export function checkApart(
  outputs: readonly { readonly path: string; readonly append: boolean }[],
  messages: { readonly path: string; readonly append: boolean },
): void {
  const there = fileAt(messages.path)
  if (there === undefined) return
  for (const { path, append } of outputs) {
    const output = fileAt(path)
    if (output?.dev === there.dev && output.ino === there.ino && !(append && messages.append)) {
      throw usageError(
        `data and messages would write over each other in ${path}`,
        `to have both in one file: > ${quoteWord(path)} 2>&1`,
      )
    }
  }
}

/**
 * The regular file of a path; `undefined` where there is none, or none that can be looked at: who opens it tells why.
 */
function fileAt(path: string): Stats | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() ? stat : undefined
  } catch {
    return undefined
  }
}

/**
 * Throws `KV_USAGE` when a shell could not write one of these files; makes those that are not there, and leaves the
 * others as they are.
 */
export function checkOutputs(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      const there = statSync(path, { throwIfNoEntry: false })
      if (there === undefined) closeSync(openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o666))
      else if (there.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
      // Not opened: closing it would drop the locks of this process if it were the store.
      else accessSync(path, constants.W_OK)
    } catch (cause) {
      throw unwritable(path, cause)
    }
  }
}

/**
 * Messages into a file. Throws `KV_USAGE` when it cannot be opened; a message that cannot be written later is lost,
 * as on standard error.
 */
export function openMessages(path: string, append: boolean): Sink & { close(): void } {
  let fd: number
  try {
    fd = openSync(path, append ? 'a' : 'w')
  } catch (cause) {
    throw unwritable(path, cause)
  }
  return {
    isTTY: false,
    columns: () => 80,
    write(data) {
      try {
        writeFileSync(fd, data)
      } catch {
        // A message that cannot be told must not end the work it is about.
      }
    },
    stream: () => createWriteStream(path, { fd, autoClose: false }) as unknown as NodeJS.WriteStream,
    close: () => closeSync(fd),
  }
}

/**
 * Standard input from `< FILE`; from a terminal it is what the user types. Throws `KV_USAGE` when it cannot be read,
 * and from `readAll` `KV_INTERRUPTED` when aborted: a pipe may have nobody who writes.
 */
export function openSource(path: string, typed: () => Source, signal: AbortSignal): Source & { close(): void } {
  const { fd, isTerminal, close } = openInputFile(path)
  if (!isTerminal)
    return {
      isTTY: false,
      fd,
      isNull: isNullDevice(fd),
      readAll: (maxBytes) => readToEnd(fd, path, maxBytes, signal),
      close,
    }
  close()
  return { ...typed(), close() {} }
}
