import { createReadStream, rmSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { unwritable, usageError } from '../errors.ts'
import { Progress } from '../output/progress.ts'
import { formatBytes } from '../safe-text.ts'
import type { Copied } from '../store/driver/care.ts'

/** `kv backup DEST` */
export function backup(ctx: Context): Command {
  return new Command('backup')
    .description(
      'Copy the store as it is at one moment into a file, while others read and write. The file is a store: it appears whole and on disk, or not at all. `-` writes it to standard output.\nExpiry goes with it. For a store in a file of this machine; entries of any other are copied with kv copy.',
    )
    .argument('<DEST>')
    .option('--force', 'replace an older backup of that name; never another file')
    .addHelpText(
      'after',
      '\nExamples:\n  kv backup "backup-$(date +%F).kv"\n  kv backup - | gzip > backup.kv.gz\n  kv check --store backup.kv && echo healthy\n  kv restore backup.kv',
    )
    .action(async (to: string, { force = false }: { force?: boolean }) => {
      const { care } = await ctx.store()
      ctx.handleSignals()
      const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
      const copy = (file: string): Promise<Copied> =>
        care
          .backup(file, { force, signal: ctx.signal, onProgress: (bytes, total) => progress.bytes(bytes, total) })
          .finally(() => progress.done())
      if (to === '-') return toOutput(ctx, copy)
      const began = performance.now()
      const { bytes, revision } = await copy(to)
      const seconds = Number(((performance.now() - began) / 1000).toFixed(3))
      if (ctx.globals.json) ctx.print.record({ file: to, bytes, revision, seconds }, '')
      else if (ctx.io.stderr.isTTY) ctx.say(`backed up ${formatBytes(bytes)} to ${to} in ${seconds.toFixed(2)} s`)
    })
}

/** A copy is whole before its first byte is sent: it lies in the folder for temporary files until then. */
async function toOutput(ctx: Context, copy: (file: string) => Promise<Copied>): Promise<void> {
  const { stdout } = ctx.io
  if (stdout.isTTY) throw usageError('a store is not for a terminal', 'name a file, or send it on: kv backup - > FILE')
  await inTemporaryFolder(async (folder) => {
    const file = join(folder, 'store.kv')
    await copy(file)
    for await (const part of createReadStream(file, { highWaterMark: 1 << 20, signal: ctx.signal })) {
      stdout.write(part as Buffer)
      await stdout.drained?.()
    }
  })
}

/** Runs a step with a folder of its own, which is gone afterwards. */
export async function inTemporaryFolder<T>(step: (folder: string) => Promise<T>): Promise<T> {
  const parent = tmpdir()
  let folder: string
  try {
    folder = mkdtempSync(join(parent, 'kv-backup-'))
  } catch (error) {
    throw unwritable(parent, error)
  }
  try {
    return await step(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
