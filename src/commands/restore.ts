import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { KvError, usageError } from '../errors.ts'
import { Progress } from '../output/progress.ts'
import { formatBytes, formatCount } from '../safe-text.ts'
import { quoteWord } from '../shell-quote.ts'
import { inTemporaryFolder } from './backup.ts'

/** `kv restore SRC` */
export function restore(ctx: Context): Command {
  return new Command('restore')
    .description(
      'Put a copy of a backup in the place of the store. All of it is checked first. The store that was there is kept beside it, as NAME.before-restore; it may be damaged, or missing.\nOther writers wait; a server or session that has the store open goes on with the new one. `-` reads the backup from standard input. `.undo` does not take it back.',
    )
    .argument('<SRC>')
    .option('--no-keep', 'do not keep the store that was there')
    .addHelpText(
      'after',
      '\nExamples:\n  kv restore backup.kv\n  kv restore backup.kv --store copy.kv\n  gunzip -c backup.kv.gz | kv restore -',
    )
    .action(async (from: string, { keep }: { keep: boolean }) => {
      const { care } = await ctx.store({ evenDamaged: true })
      ctx.handleSignals()
      const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
      const began = performance.now()
      const put = (file: string) =>
        care
          .restore(file, { keep, signal: ctx.signal, onProgress: (bytes, total) => progress.bytes(bytes, total) })
          .catch((error: unknown) => {
            throw aboutBackup(error, { file, from, kv: ctx.kv })
          })
          .finally(() => progress.done())
      const { bytes, revision, entries, kept } = await (from === '-' ? fromInput(ctx, put) : put(from))
      const seconds = Number(((performance.now() - began) / 1000).toFixed(3))
      if (ctx.globals.json) ctx.print.record({ from, entries, bytes, revision, kept: kept ?? null, seconds }, '')
      const what = `restored ${formatCount(entries, 'entry', 'entries')}, ${formatBytes(bytes)}, in ${seconds.toFixed(2)} s`
      if (!ctx.globals.json) ctx.say(kept === undefined ? what : `${what}; the store that was there is ${kept}`)
    })
}

/** A backup is whole before it is looked at: it lies in the folder for temporary files until then. */
function fromInput<T>(ctx: Context, put: (file: string) => Promise<T>): Promise<T> {
  const { stdin } = ctx.io
  if (stdin.isTTY || stdin.fd < 0)
    throw usageError('no backup on standard input', `${ctx.kv} restore FILE, or: ${ctx.kv} restore - < FILE`)
  return inTemporaryFolder(async (folder) => {
    const file = join(folder, 'backup.kv')
    const input = createReadStream('', { fd: stdin.fd, autoClose: false, highWaterMark: 1 << 20 })
    await pipeline(input, createWriteStream(file, { mode: 0o600 }), { signal: ctx.signal })
    return put(file)
  })
}

/** Programs that unpack, by the first bytes of what they made. */
const PACKED: readonly (readonly [magic: string, packer: string, unpack: string])[] = [
  ['1f8b', 'gzip', 'gunzip -c'],
  ['28b52ffd', 'zstd', 'zstd -dc'],
  ['fd377a58', 'xz', 'xz -dc'],
]

/** A backup as `from` names it, the file that holds it, and how a command line for the store begins. */
interface Backup {
  readonly file: string
  readonly from: string
  readonly kv: string
}

/** An error about the file of the backup, as one who named it, or piped it, is helped by; any other as it is. */
function aboutBackup(error: unknown, { file, from, kv }: Backup): unknown {
  const isThere = existsSync(file)
  const path = isThere ? realpathSync(file) : resolve(file)
  if (!(error instanceof KvError) || !(error.message.startsWith(`${path} `) || error.message.endsWith(` ${path}`)))
    return error
  if (isThere && !statSync(path).isFile()) return error
  const isPiped = from === '-'
  const head = isThere ? firstBytes(file) : undefined
  const packed = PACKED.find(([magic]) => head?.startsWith(magic))
  const kept = 'the store is as it was'
  const better = (message: string, hint: string): KvError => new KvError(error.code, message, { cause: error, hint })
  const name = isPiped ? 'the backup on standard input' : path
  if (packed !== undefined) {
    const [, packer, unpack] = packed
    const hint = isPiped ? `${unpack} | ${kv} restore -` : `${unpack} ${quoteWord(from)} | ${kv} restore -`
    return better(`${name} is packed by ${packer}`, hint)
  }
  if (head === '') return better(`${name} is empty`, `${kept}; has the command that was to write it failed?`)
  if (head === undefined) return better(error.message, `${kept}; is it the right name?`)
  const message = error.message.replaceAll(path, name)
  if (error.code === 'KV_FOREIGN') return better(message, `${kept}; a backup is a file that kv backup wrote`)
  return isPiped ? better(message, `${kept}; take another backup`) : error
}

/** The first bytes of a file in hex, four at most. */
function firstBytes(file: string): string {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(4)
    return bytes.subarray(0, readSync(fd, bytes, 0, 4, 0)).toString('hex')
  } finally {
    closeSync(fd)
  }
}
